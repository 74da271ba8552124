import assert from "node:assert/strict";
import { post } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { boundByModes } from "../support/powers.ts";
import { fixture, type ProgramOptions, runProgram, startProgram } from "../support/program.ts";
import { filesIn, spoolIn } from "../support/spool.ts";

const names = (folder: string) =>
  [...Deno.readDirSync(folder)].map((entry) => entry.name).filter((name) =>
    name.startsWith("jobrunner-")
  );

function start(parent: string, { env = {}, ...options }: ProgramOptions = {}) {
  return startProgram({
    env: { JOBRUNNER_CMD: fixture("run_payload.sh"), JOBRUNNER_SPOOL_DIR: parent, ...env },
    ...options,
  });
}

Deno.test("the server's folder has mode 0700, and a clean stop removes it", async () => {
  using folder = temporaryFolder();
  await using program = await start(folder.path);
  const [server = ""] = names(folder.path);
  for (const path of [`${folder.path}/${server}`, spoolIn(folder.path)]) {
    assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o700);
  }
  assert.equal(await program.stop(), 0);
  assert.deepEqual(names(folder.path), []);
});

Deno.test("a spool in memory causes a warning at start and in --check, and a limit of its own none", async () => {
  // A tmpfs on every Linux; the sandbox cannot open files there.
  using folder = temporaryFolder("/dev/shm");
  const env = { JOBRUNNER_SANDBOX: "off" };
  const sentence =
    /the spool is in memory: bodies and outputs of POST \/run may take \d+ bytes of it; set JOBRUNNER_SPOOL_DIR to a folder on a disk/;
  {
    await using program = await start(folder.path, { env });
    const line = await program.line("the spool is in memory");
    assert.match(line, / (WARN|WARNING) .*configuration warning/);
    assert.match(line, sentence);
  }
  const check = { JOBRUNNER_CMD: "date", JOBRUNNER_SPOOL_DIR: folder.path, ...env };
  const { code, stdout } = await runProgram({ args: ["serve", "--check"], env: check });
  assert.equal(code, 0, stdout);
  assert.match(stdout, new RegExp(`^warning: ${sentence.source}$`, "m"));
  await using quiet = await start(folder.path, {
    env: { ...env, JOBRUNNER_MAX_SPOOL_BYTES: "1000000" },
  });
  assert.ok(!quiet.log.some((line) => sentence.test(line)), quiet.log.join("\n"));
});

/** Damage that jobs have done to the folders that they share, by accident or not. */
const damages: readonly (readonly [what: string, script: string])[] = [
  ["shuts the spool", "chmod 000 $spool"],
  ["makes the spool unwritable", "chmod 500 $spool"],
  ["shuts the server's folder", "chmod 000 $server"],
  ["opens the spool to everybody", "chmod 777 $spool"],
  ["removes the spool", "rm -rf $spool"],
  ["removes the server's folder", "cd /; rm -rf $server"],
  ["puts a link in the spool's place", 'mv $spool "$OTHER/away"; ln -s "$OTHER" $spool'],
  ["puts a file in the spool's place", 'mv $spool "$OTHER/away"; touch $spool'],
  [
    "puts a link in the place of the server's folder",
    'mv $server "$OTHER/away"; ln -s "$OTHER" $server',
  ],
  ["removes the lock", "rm $server/lock"],
  ["shuts its own folder", "mkdir -p a/b; chmod 000 a/b a . "],
  ["removes its own folder", 'cd /; rm -rf "$JOBRUNNER_JOB_DIR"'],
  [
    "puts a link in the place of its own folder",
    'cd /; rm -rf "$JOBRUNNER_JOB_DIR"; ln -s "$OTHER" "$JOBRUNNER_JOB_DIR"',
  ],
  [
    "leaves whatever it likes",
    'ln -s "$OTHER" link; mkdir -p .a/b/c; touch .a/b/c/d "a b" -- "-rf"; mkfifo fifo',
  ],
];

for (const [what, script] of damages) {
  Deno.test(`a job that ${what} harms no later job and no other files`, async () => {
    using folder = temporaryFolder();
    using elsewhere = temporaryFolder();
    const other = elsewhere.path;
    Deno.mkdirSync(`${other}/kept`, { mode: 0o755 });
    Deno.writeTextFileSync(`${other}/kept/file`, "");
    await using program = await start(folder.path, {
      env: { OTHER: other, JOBRUNNER_NUM_WORKERS: "1" },
      through: boundByModes,
    });
    const { status, json } = await post(
      program.url,
      `cd "$JOBRUNNER_JOB_DIR"; spool=$(dirname "$PWD"); server=$(dirname "$spool")\n${script}`,
    );
    assert.deepEqual([status, json["exit_status"], json["error"]], [200, 0, ""]);
    for (let round = 0; round < 2; round++) {
      const answer = await post(program.url, 'echo well >"$JOBRUNNER_RESPONSE_DATA_FN"');
      assert.equal(answer.data, "well\n");
      assert.deepEqual(filesIn(spoolIn(folder.path)), []);
      assert.equal((Deno.lstatSync(spoolIn(folder.path)).mode ?? 0) & 0o777, 0o700);
    }
    // Another server does not take this one for dead.
    await using neighbour = await start(folder.path);
    assert.equal((await post(program.url, "echo still there")).output, "still there\n");
    assert.equal(await neighbour.stop(), 0);
    assert.equal(await program.stop(), 0);
    assert.deepEqual(program.log.filter((line) => line.includes("ERROR")), []);
    assert.deepEqual(names(folder.path), []);
    assert.deepEqual(filesIn(other).filter((name) => !name.startsWith("away")), [
      "kept",
      "kept/file",
    ]);
    assert.equal((Deno.statSync(other).mode ?? 0) & 0o777, 0o700);
    assert.equal((Deno.statSync(`${other}/kept`).mode ?? 0) & 0o777, 0o755);
  });
}

Deno.test("a job's response is read and its folder removed although another job took away access to the spool", async () => {
  using folder = temporaryFolder();
  const started = `${folder.path}/started`;
  const release = `${folder.path}/release`;
  const env = { STARTED: started, RELEASE: release, JOBRUNNER_NUM_WORKERS: "2" };
  await using program = await start(folder.path, { env, through: boundByModes });
  const wait = ': >"$STARTED"; until [ -e "$RELEASE" ]; do sleep 0.02; done';
  const running = post(program.url, `echo mine >"$JOBRUNNER_RESPONSE_DATA_FN"; ${wait}`);
  await fileExists(started);
  await post(program.url, 'chmod 000 "$JOBRUNNER_JOB_DIR/.."');
  Deno.writeTextFileSync(release, "");
  assert.equal((await running).data, "mine\n");
  assert.deepEqual(filesIn(spoolIn(folder.path)), []);
});

Deno.test("serve removes the leftovers of a dead server, and does not touch a living server's job", async () => {
  using folder = temporaryFolder();
  const release = `${folder.path}/release`;
  const held = { JOBRUNNER_CMD: fixture("hold_until_released.sh"), HOLD_RELEASE: release };
  const dead = await start(folder.path);
  await dead.stop("SIGKILL");
  const [left = ""] = names(folder.path);
  Deno.mkdirSync(`${spoolIn(folder.path)}/job-0123456789abcdef/x`, { recursive: true });

  await using living = await start(folder.path, { env: held });
  await living.line("removed leftovers of a dead server");
  assert.ok(!names(folder.path).includes(left));
  const running = post(living.url, "x", { id: "living" });
  await fileExists(`${folder.path}/started_living`);
  const before = names(folder.path);

  await using other = await start(folder.path);
  assert.equal(names(folder.path).length, 2);
  assert.equal(await other.stop(), 0);
  assert.deepEqual(names(folder.path), before);
  Deno.writeTextFileSync(release, "");
  assert.equal((await running).output, "released\n");
});

Deno.test("the spool is made again after a temp cleaner removed it", async () => {
  using folder = temporaryFolder();
  await using program = await start(folder.path);
  const [spool = ""] = names(folder.path);
  Deno.removeSync(`${folder.path}/${spool}`, { recursive: true });
  assert.equal((await post(program.url, "echo still here")).output, "still here\n");
  await using other = await start(folder.path);
  assert.equal((await post(program.url, "echo and held")).output, "and held\n");
  assert.equal(await other.stop(), 0);
  assert.equal(await program.stop(), 0);
  assert.deepEqual(names(folder.path), []);
});

Deno.test("JOBRUNNER_SPOOL_DIR may be a link inside the sandbox", async () => {
  using folder = temporaryFolder();
  Deno.mkdirSync(`${folder.path}/real`);
  Deno.symlinkSync(`${folder.path}/real`, `${folder.path}/link`);
  await using program = await start(`${folder.path}/link`);
  assert.equal((await post(program.url, 'echo x >"$JOBRUNNER_RESPONSE_DATA_FN"')).data, "x\n");
  assert.equal(names(`${folder.path}/real`).length, 1);
});
