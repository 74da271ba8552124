import assert from "node:assert/strict";
import { type Launch, workerIdPlaceholder as id } from "../../src/supervisor/launcher.ts";
import { temporaryFolder } from "../support/folder.ts";
import { runLauncher, writeLauncher } from "../support/launcher.ts";
import { boundByModes } from "../support/powers.ts";

/** A command that shows its working directory and arguments. */
const place: Partial<Launch> = {
  program: "/bin/sh",
  args: ["-c", 'pwd; printf "[%s]" "$A" "$@"', "sh", "one", "two"],
  env: { A: "a" },
  cwdRequired: true,
  word: "word",
};
const rest = "[a][one][two]";

function worker(value: string) {
  return { env: { JOBRUNNER_WORKER_ID: value } };
}

Deno.test("a launcher that cannot enter a required folder reports 200 + errno and starts nothing", async () => {
  using folder = temporaryFolder();
  Deno.writeTextFileSync(`${folder.path}/file`, "");
  Deno.mkdirSync(`${folder.path}/closed`, { mode: 0o600 });
  for (
    const { cwd, number } of [
      { cwd: `${folder.path}/missing`, number: "202" },
      { cwd: "", number: "202" },
      { cwd: `${folder.path}/file`, number: "220" },
      { cwd: `${folder.path}/closed`, number: "213" },
      { cwd: `/${"x".repeat(300)}`, number: "236" },
      { cwd: "/x".repeat(50_000), number: "236" },
    ]
  ) {
    const launch = { ...place, cwd };
    const { code, stdout, stderr } = await runLauncher(folder.path, launch, {
      through: boundByModes,
    });
    assert.deepEqual([code, stdout, stderr], [126, "", `word ${number}\n`], cwd.slice(0, 100));
  }
});

Deno.test("a launcher enters a required folder, also one with a long path", async () => {
  using folder = temporaryFolder();
  const long = `${folder.path}/${`${"x".repeat(199)}/`.repeat(19)}end`;
  Deno.mkdirSync(long, { recursive: true });
  for (const cwd of ["/", "/usr", long]) {
    const { stdout, stderr } = await runLauncher(folder.path, { ...place, cwd });
    assert.deepEqual([stdout, stderr], [`${cwd}\n${rest}`, ""]);
  }
});

Deno.test("a launcher puts the worker's number for each placeholder of its folder", async () => {
  using folder = temporaryFolder();
  for (const value of ["7", "0", "9", "10", "99999"]) {
    Deno.mkdirSync(`${folder.path}/w${value}-${value}${value}/${value}`, { recursive: true });
    for (
      const { cwd, entered } of [
        { cwd: `w${id}-${id}${id}`, entered: `w${value}-${value}${value}` },
        { cwd: `w${id}-${id}${id}/${id}`, entered: `w${value}-${value}${value}/${value}` },
        {
          cwd: `w${id}-${id}${id}/${`${id}/../`.repeat(300)}${id}`,
          entered: `w${value}-${value}${value}/${value}`,
        },
      ]
    ) {
      const launch = { ...place, cwd: `${folder.path}/${cwd}` };
      const { stdout, stderr } = await runLauncher(folder.path, launch, worker(value));
      assert.deepEqual([stdout, stderr], [`${folder.path}/${entered}\n${rest}`, ""]);
    }
  }
});

Deno.test("a launcher finds the worker's number among thousands of its caller's variables", async () => {
  using folder = temporaryFolder();
  Deno.mkdirSync(`${folder.path}/42`);
  const others = Array.from({ length: 3000 }, (_, index) => [`OTHER_${index}`, `${index}`]);
  const { stdout } = await runLauncher(folder.path, { ...place, cwd: `${folder.path}/${id}` }, {
    env: {
      ...Object.fromEntries(others),
      JOBRUNNER_WORKER_I: "1",
      JOBRUNNER_WORKER_ID: "42",
      JOBRUNNER_WORKER_IDS: "2",
      XJOBRUNNER_WORKER_ID: "3",
      jobrunner_worker_id: "4",
    },
  });
  assert.equal(stdout, `${folder.path}/42\n${rest}`);
});

/** What a hostile caller could give in place of a worker's number. */
const refused = [
  ...["", "../x", "1/..", "..", ".", "/", "12a", "a12", "123456", "1234567890", "000001"],
  ...["1/", "1:", ":", "1 ", " 1", "+1", "-1", "1\n", "1.", id, "١", "1\x7f", "\x80", "%31"],
];

Deno.test("a launcher refuses a worker's number that is not 1 to 5 digits, with EINVAL", async () => {
  using folder = temporaryFolder();
  // Each of these would exist.
  Deno.mkdirSync(`${folder.path}/x`);
  for (const name of refused) {
    Deno.mkdirSync(`${folder.path}/in/${name}`, { recursive: true });
  }
  const cwd = `${folder.path}/in/${id}`;
  for (const placed of [cwd, `${cwd}/../${id}`]) {
    const launch = { ...place, cwd: placed };
    for (const value of refused) {
      const { code, stdout, stderr } = await runLauncher(folder.path, launch, worker(value));
      assert.deepEqual([code, stdout, stderr], [126, "", "word 222\n"], JSON.stringify(value));
    }
    for (const env of [{}, { JOBRUNNER_WORKER_IDS: "1", XJOBRUNNER_WORKER_ID: "1" }]) {
      assert.equal((await runLauncher(folder.path, launch, { env })).stderr, "word 222\n");
    }
  }
  // The number is its caller's, not one of the command's own variables.
  const own = { ...place, cwd, env: { JOBRUNNER_WORKER_ID: "1" } };
  assert.equal((await runLauncher(folder.path, own)).stderr, "word 222\n");
});

Deno.test("a launcher takes the first of several worker's numbers", async () => {
  using folder = temporaryFolder();
  Deno.mkdirSync(`${folder.path}/1`);
  Deno.mkdirSync(`${folder.path}/2`);
  const program = writeLauncher(folder.path, { ...place, cwd: `${folder.path}/${id}` });
  for (
    const { first, stdout } of [
      { first: "1", stdout: `${folder.path}/1\n${rest}` },
      { first: "x", stdout: "" },
    ]
  ) {
    const outer = { program, env: { JOBRUNNER_WORKER_ID: first } };
    assert.equal((await runLauncher(folder.path, outer, worker("2"))).stdout, stdout);
  }
});

Deno.test("a launcher does not look at the worker's number without a placeholder", async () => {
  using folder = temporaryFolder();
  const { stdout } = await runLauncher(folder.path, { ...place, cwd: "/usr" }, worker("../x"));
  assert.equal(stdout, `/usr\n${rest}`);
});

Deno.test("a launcher builds a path of half a megabyte, which the kernel refuses", async () => {
  using folder = temporaryFolder();
  const launch = { ...place, cwd: `/${id.repeat(100_000)}` };
  const { code, stderr } = await runLauncher(folder.path, launch, worker("12345"));
  assert.deepEqual([code, stderr], [126, "word 236\n"]);
});

Deno.test("a launcher stays where it was started if a folder that is not required cannot be entered", async () => {
  using folder = temporaryFolder();
  Deno.mkdirSync(`${folder.path}/1`);
  const cwdRequired = false;
  for (const cwd of ["", `${folder.path}/missing`, `/${id}/${id}`, `/${"x".repeat(5000)}`]) {
    for (const value of ["1", "", "../x"]) {
      const launch = { ...place, cwd, cwdRequired };
      const { stdout, stderr } = await runLauncher(folder.path, launch, worker(value));
      assert.deepEqual([stdout, stderr], [`${folder.path}\n${rest}`, ""]);
    }
  }
  const existing = { ...place, cwd: `${folder.path}/${id}`, cwdRequired };
  const { stdout } = await runLauncher(folder.path, existing, worker("1"));
  assert.equal(stdout, `${folder.path}/1\n${rest}`);
});
