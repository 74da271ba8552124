import assert from "node:assert/strict";
import { post } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { fixture, runProgram, startProgram } from "../support/program.ts";

function probesOf(stdout: string): Record<string, string> {
  return Object.fromEntries(
    stdout.split("\n").filter((line) => line.startsWith("probe: ")).map((line) =>
      line.slice(7).split(": ")
    ),
  );
}

Deno.test("serve --check reports that only the command may run inside the sandbox", async () => {
  using folder = temporaryFolder();
  const { code, stdout, stderr } = await runProgram({
    args: ["serve", "--check"],
    env: {
      JOBRUNNER_CMD: `${fixture("print_arguments.sh")} 'a b'`,
      JOBRUNNER_PASSWORD: "hunter2",
      JOBRUNNER_SPOOL_DIR: folder.path,
    },
  });
  assert.equal(code, 0, stderr);
  assert.deepEqual(probesOf(stdout), {
    "running another program": "refused",
    "reading /etc/passwd": "refused",
    "writing outside the spool": "refused",
    "connecting out": "refused",
    "reading a variable": "refused",
    "choosing the command's PATH": "refused",
    "choosing the command's BASH_ENV": "refused",
    "choosing the command's LD_PRELOAD": "refused",
    "choosing the command's arguments": "refused",
    "using the spool": "allowed",
    "running the command": "allowed",
  });
  const lines = stdout.split("\n");
  for (
    const line of [
      "JOBRUNNER_PASSWORD=***  # environment",
      "JOBRUNNER_NUM_WORKERS=3  # default",
      `command: ${fixture("print_arguments.sh")}`,
      "argument 1: a b",
      `PATH: ${Deno.env.get("PATH")}`,
      "sandbox: on",
      `session: each command's own, by a launcher in ${folder.path}`,
    ]
  ) assert.ok(lines.includes(line), `${line} is not in\n${stdout}`);
  assert.match(stdout, /^user: \S+ \(uid \d+, gid \d+\)$/m);
  assert.match(stdout, /^working directory: \/.+$/m);
  assert.match(stdout, /^a compromised service could: run the command as it is configured, /m);
  assert.ok(!stdout.includes("hunter2"));
  assert.deepEqual([...Deno.readDirSync(folder.path)], [], "nothing is left behind");
});

Deno.test("serve --check --sandbox=off reports everything as allowed, so the probes can fail", async () => {
  using folder = temporaryFolder();
  const { code, stdout } = await runProgram({
    args: ["serve", "--check", "--sandbox=off"],
    env: { JOBRUNNER_CMD: fixture("print_arguments.sh"), JOBRUNNER_SPOOL_DIR: folder.path },
  });
  assert.equal(code, 0);
  assert.deepEqual(new Set(Object.values(probesOf(stdout))), new Set(["allowed"]));
  assert.match(stdout, /^warning: JOBRUNNER_SANDBOX=off: /m);
  assert.match(stdout, /^a compromised service could: do whatever this user may$/m);
  assert.deepEqual([...Deno.readDirSync(folder.path)], []);
});

Deno.test("serve --check exits with 1 for a missing command", async () => {
  const { code, stdout } = await runProgram({
    args: ["serve", "--check"],
    env: { JOBRUNNER_CMD: "/no/such/command" },
  });
  assert.equal(code, 1);
  assert.match(stdout, /^command: \/no\/such\/command \(missing or not an executable file\)$/m);
});

Deno.test("serve --check without a launcher: the service chooses arguments and all variables but LD_*", async () => {
  using folder = temporaryFolder();
  const { code, stdout } = await runProgram({
    args: ["serve", "--check", "--own-session=off"],
    env: { JOBRUNNER_CMD: fixture("print_arguments.sh"), JOBRUNNER_SPOOL_DIR: folder.path },
  });
  assert.equal(code, 0, stdout);
  const probes = probesOf(stdout);
  assert.equal(probes["running another program"], "refused");
  assert.deepEqual(
    ["PATH", "BASH_ENV", "LD_PRELOAD", "arguments"]
      .map((what) => probes[`choosing the command's ${what}`]),
    ["allowed", "allowed", "refused", "allowed"],
  );
  assert.match(stdout, /^session: the server's$/m);
  assert.match(
    stdout,
    /^a compromised service could: run \S+print_arguments\.sh with arguments and variables of its choice, but no LD_\* and DYLD_\*; /m,
  );
});

Deno.test("JOBRUNNER_SANDBOX=off lets LD_* reach the command, and causes a warning", async () => {
  await using program = await startProgram({
    env: { JOBRUNNER_CMD: fixture("run_payload.sh"), LD_BIND_NOW: "1", JOBRUNNER_SANDBOX: "off" },
  });
  await program.line("EVERY permission");
  assert.equal((await post(program.url, "echo $LD_BIND_NOW")).output, "1\n");
  assert.equal(await program.stop(), 0);
});
