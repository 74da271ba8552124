/**
 * ARM64 programs under qemu-user: the binary (start, a job, metrics, stop) and the launcher, which starts programs of this
 * machine.
 */

import assert from "node:assert/strict";
import { type Launch, workerIdPlaceholder } from "../../src/supervisor/launcher.ts";
import { get, post } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { type LauncherExit, runLauncher, writeProgram } from "../support/launcher.ts";
import { boundByModes } from "../support/powers.ts";
import { fixture, projectRoot, startCommand } from "../support/program.ts";
import { waitingProcess } from "../support/warm_adapter_suite.ts";

Deno.test("the ARM64 binary serves a job", async () => {
  using folder = temporaryFolder();
  await using program = await startCommand("qemu-aarch64-static", {
    args: ["-L", "/usr/aarch64-linux-gnu", `${projectRoot}bin/jobrunner-linux-arm64`, "serve"],
    env: {
      JOBRUNNER_CMD: fixture("run_payload.sh"),
      JOBRUNNER_HTTP_LISTEN_PORT: "0",
      JOBRUNNER_LOG_FORMAT: "text",
      JOBRUNNER_SPOOL_DIR: folder.path,
    },
  });
  const { output, json } = await post(program.url, "echo from arm; exit 3");
  assert.equal(output, "from arm\n");
  assert.equal(json["exit_status"], 3);
  assert.match((await get(`${program.url}/metrics`)).text, /outcome="failed"} 1$/m);
  assert.equal(await program.stop(), 0);
  assert.deepEqual([...Deno.readDirSync(folder.path)], []);
});

/** A warm worker that prints the id and responds with the payload in capital letters. */
const upperAdapter = `#!/bin/sh
while read -r line; do
  if [ -n "$line" ]; then export "$line" && continue; fi
  printf '%s\\n' "$JOBRUNNER_REQUEST_ID"
  tr a-z A-Z <"$JOBRUNNER_REQUEST_DATA_FN" >"$JOBRUNNER_RESPONSE_DATA_FN"
  printf '\\036%s 3\\n' "$JOBRUNNER_END"
  printf '\\036%s 3\\n' "$JOBRUNNER_END" >&2
done
`;

Deno.test("the ARM64 binary serves jobs with a warm process", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/upper.sh`;
  Deno.writeTextFileSync(path, upperAdapter, { mode: 0o755 });
  await using program = await startCommand("qemu-aarch64-static", {
    args: ["-L", "/usr/aarch64-linux-gnu", `${projectRoot}bin/jobrunner-linux-arm64`, "serve"],
    env: {
      JOBRUNNER_CMD: path,
      JOBRUNNER_WARM: "on",
      JOBRUNNER_NUM_WORKERS: "1",
      JOBRUNNER_HTTP_LISTEN_PORT: "0",
      JOBRUNNER_LOG_FORMAT: "text",
      JOBRUNNER_SPOOL_DIR: folder.path,
    },
  });
  await waitingProcess(program);
  for (const [payload, upper] of [["one", "ONE"], ["two", "TWO"]] as const) {
    const { output, data, json } = await post(program.url, payload, { id: "ü" });
    assert.deepEqual([output, data], ["ü\n", upper]);
    assert.deepEqual([json["exit_status"], json["warm"]], [3, true]);
  }
  assert.equal(await program.stop(), 0);
  assert.deepEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["upper.sh"]);
});

/** Runs a launcher for ARM64. */
function runForeign(
  folder: string,
  launch: Partial<Launch>,
  env: Readonly<Record<string, string>> = {},
): Promise<LauncherExit> {
  const through = ["qemu-aarch64-static"];
  return runLauncher(folder, launch, { env, stdin: "data", through, arch: "aarch64" });
}

Deno.test("the ARM64 launcher sets all that its data hold", async () => {
  using folder = temporaryFolder();
  Deno.mkdirSync(`${folder.path}/w42/42`, { recursive: true });
  const script = [
    "cat; readlink /proc/$$/fd/0; pwd; umask; nice",
    "ulimit -Sn; ulimit -Hn; ulimit -St; ulimit -Ht; cut -d ' ' -f 5,6 /proc/$$/stat",
  ].join("; ");
  const launch: Partial<Launch> = {
    program: "/bin/sh",
    args: ["-c", script],
    cwd: `${folder.path}/w${workerIdPlaceholder}/${workerIdPlaceholder}`,
    cwdRequired: true,
    env: { PATH: "/usr/bin:/bin" },
    umask: 0o027,
    niceness: 17,
    limits: [
      { resource: "openFiles", soft: 100, hard: undefined },
      { resource: "openFiles", soft: 2000, hard: 200 },
      { resource: "cpu", soft: 100, hard: 2 ** 40 },
    ],
  };
  const { pid, stdout, stderr } = await runForeign(folder.path, launch, {
    JOBRUNNER_WORKER_ID: "42",
  });
  assert.deepEqual(stdout.split("\n"), [
    ...["/dev/null", `${folder.path}/w42/42`, "0027", "17"],
    ...["200", "200", "100", `${2 ** 40}`, `${pid} ${pid}`, ""],
  ]);
  assert.equal(stderr, "");
});

Deno.test("the ARM64 launcher leaves as it is what its data do not hold", async () => {
  using folder = temporaryFolder();
  const script = "umask; nice; ulimit -Sn; ulimit -Hn; cut -d ' ' -f 5,6 /proc/$$/stat";
  const { stdout } = await runLauncher(folder.path, {
    program: "/bin/sh",
    args: ["-c", script],
    env: { PATH: "/usr/bin:/bin" },
    ownSession: false,
  }, {
    through: [
      ...["nice", "-n", "3", "sh", "-c"],
      `umask 031; ulimit -n 200; ulimit -Sn 100; ${script}; qemu-aarch64-static "$1"`,
      "sh",
    ],
    env: { PATH: "/usr/bin:/bin" },
    arch: "aarch64",
  });
  assert.equal(stdout.slice(0, stdout.length / 2), stdout.slice(stdout.length / 2));
  assert.match(stdout, /^0031\n/);
});

Deno.test("the ARM64 launcher leaves its caller's standard input to a command that is to have it", async () => {
  using folder = temporaryFolder();
  const launch = { program: "/bin/cat", ownStdin: false };
  const { code, stdout, stderr } = await runForeign(folder.path, launch);
  assert.deepEqual([code, stdout, stderr], [0, "data", ""]);
});

Deno.test("the ARM64 launcher reports the working directory or the niceness as the reason", async () => {
  using folder = temporaryFolder();
  const cwd = `${folder.path}/${workerIdPlaceholder}`;
  const report = async (launch: Partial<Launch>, id: string) =>
    (await runForeign(folder.path, { cwdRequired: true, ...launch }, { JOBRUNNER_WORKER_ID: id }))
      .stderr;
  for (const id of ["", "..", "1/..", "123456", "12a", "1:", "-1"]) {
    assert.equal(await report({ cwd }, id), "not-started 222\n");
    assert.equal(await report({ cwd, cwdRequired: false }, id), "");
  }
  assert.equal(await report({ cwd }, "12345"), "not-started 202\n");
  const { stderr } = await runLauncher(folder.path, { niceness: -20 }, {
    through: [...boundByModes, "prlimit", "--nice=0", "qemu-aarch64-static"],
    arch: "aarch64",
  });
  assert.equal(stderr, "not-started 413\n");
});

Deno.test("the ARM64 launcher passes on arguments and environment", async () => {
  using folder = temporaryFolder();
  const baked = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, index) => [`V${index}`, "x".repeat(50)]),
  );
  const args = ["-c", "cat /proc/$$/cmdline /proc/$$/environ", "two words", "", "ü"];
  for (const env of [{}, { ONE: "1" }, baked]) {
    const { stdout } = await runForeign(folder.path, { program: "/bin/sh", args, env }, {
      HOME: "/elsewhere",
      TRACESTATES: "x",
      TRACEPARENT: "a",
    });
    assert.deepEqual(stdout.split("\0"), [
      "/bin/sh",
      ...args,
      ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
      "TRACEPARENT=a",
      "",
    ]);
  }
});

Deno.test("the ARM64 launcher reports errno when a program cannot be started", async () => {
  using folder = temporaryFolder();
  for (
    const { launch, errno, status } of [
      { launch: { program: `${folder.path}/missing` }, errno: "002", status: 127 },
      { launch: { program: folder.path }, errno: "013", status: 126 },
      { launch: { args: ["x".repeat(200_000)] }, errno: "007", status: 126 },
      { launch: { program: `/${"x".repeat(300)}` }, errno: "036", status: 126 },
    ]
  ) {
    const { code, stdout, stderr } = await runForeign(folder.path, launch);
    assert.deepEqual([code, stdout, stderr], [status, "", `not-started ${errno}\n`]);
  }
});

Deno.test("the ARM64 launcher runs a script without #! by /bin/sh", async () => {
  using folder = temporaryFolder();
  const program = writeProgram(folder.path, 'printf "[%s]" "$0" "$@" "$A"; exit 5\n');
  const { code, stdout } = await runForeign(folder.path, {
    program,
    args: ["one two", ""],
    env: { A: "b" },
  });
  assert.deepEqual([code, stdout], [5, `[${program}][one two][][b]`]);
});
