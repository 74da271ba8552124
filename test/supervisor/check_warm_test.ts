import assert from "node:assert/strict";
import { tryWarmCommands } from "../../src/supervisor/check_warm.ts";
import { temporaryFolder } from "../support/folder.ts";
import { configOfFile } from "../support/machine.ts";

/** Nothing is to be logged. */
const noLog = {
  write: (message: string) => assert.fail(message),
  flush: () => Promise.resolve(),
};

/** A limit that is never reached, in milliseconds. */
const long = 60_000;

/** What is said of the commands in this file; nothing of them may be left. */
async function said(toml: string, waitMs: number): Promise<string[]> {
  using temporary = temporaryFolder();
  const spool = temporary.path;
  const config = configOfFile(toml.replaceAll("SPOOL", spool), {
    env: { JOBRUNNER_SPOOL_DIR: spool },
    disk: { [spool]: "folder", "/bin/sh": "executable", "/bin/cat": "executable" },
  });
  const sentences = await tryWarmCommands(
    config,
    { PATH: Deno.env.get("PATH") ?? "" },
    noLog,
    waitMs,
  );
  assert.deepEqual([...Deno.readDirSync(spool)], [], "nothing is left");
  return sentences;
}

/** The table of a warm command that runs this script. */
const table = (name: string, script: string) =>
  `[commands.${name}]\ncmd = "/bin/sh -c '${script}'"\nwarm = true\nkill_grace_sec = 0.1\n`;

Deno.test("tryWarmCommands() says of each warm command whether its process waits for a job", async () => {
  assert.deepEqual(await said('[commands.a]\ncmd = "/bin/cat"\n', long), []);
  assert.deepEqual(
    await said(
      '[commands.a]\ncmd = "/bin/cat"\nwarm = true\n' +
        '[commands.b]\ncmd = "/no/such/program"\nwarm = true\n',
      100,
    ),
    ["the command a waits for a job"],
  );
  assert.deepEqual(
    await said(
      [
        table("exits", "exit 3"),
        table("complains", "echo first >&2; echo second >&2; exit 1"),
        table("dies", "kill -KILL $$"),
      ].join(""),
      long,
    ),
    [
      "the command exits ended with status 3: every job starts it anew",
      "the command complains ended with status 1: every job starts it anew (stderr: second)",
      "the command dies was killed by SIGKILL: every job starts it anew",
    ],
  );
});

Deno.test("tryWarmCommands() starts a process as the server does before a job", async () => {
  const script = [
    'test "$JOBRUNNER_WARM,$JOBRUNNER_WORKER_ID,$JOBRUNNER_COMMAND" = 1,1,a || exit 11',
    'test "${JOBRUNNER_END-unset}${JOBRUNNER_REQUEST_ID-unset}${TRACEPARENT-unset}" = "" || exit 12',
    'test -f "$JOBRUNNER_REQUEST_DATA_FN" && test ! -s "$JOBRUNNER_REQUEST_DATA_FN" || exit 13',
    'test -f "$JOBRUNNER_RESPONSE_DATA_FN" && test -d "$JOBRUNNER_JOB_DIR" || exit 14',
    "test -p /dev/stdin || exit 15",
    "exit 7",
  ].join("; ").replaceAll('"', '\\"');
  assert.deepEqual(await said(table("a", script), long), [
    "the command a ended with status 7: every job starts it anew",
  ]);
});

Deno.test("tryWarmCommands() ends a process that ignores the end of its standard input, with its children", async () => {
  assert.deepEqual(
    await said(table("a", "trap : TERM; sleep 1000 & while :; do wait; done"), 100),
    ["the command a waits for a job"],
  );
});
