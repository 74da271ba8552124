import assert from "node:assert/strict";
import { endJobsIn } from "../../src/supervisor/caretaker.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { aliveIn, killAllIn } from "../support/processes.ts";

/**
 * A job, and another process, in a session whose leader has exited: as with a server that a login shell started. The job itself
 * writes its process id: until the shell that was forked for it runs a program, its environment has no mark.
 */
const sharedSession = `
  run='echo $$ >"$0.new"; mv "$0.new" "$0"; exec sleep 1000'
  JOBRUNNER_JOB_DIR="$1/spool/job-0123456789abcdef" sh -c "$run" "$1/pids/job" &
  sh -c "$run" "$1/pids/other" &`;

for (
  const [name, ofDeadServer, left] of [
    ["endJobsIn() kills a dead server's jobs, not what shares their session", true, ["other"]],
    ["endJobsIn() kills this server's jobs with their sessions", false, []],
  ] as const
) {
  Deno.test(name, async () => {
    using folder = temporaryFolder();
    const { path } = folder;
    const spool = `${path}/spool`;
    Deno.mkdirSync(`${spool}/job-0123456789abcdef`, { recursive: true });
    Deno.mkdirSync(`${path}/pids`);
    try {
      const command = new Deno.Command("setsid", {
        args: ["sh", "-c", sharedSession, "sh", path],
        stdin: "null",
        stdout: "null",
        stderr: "null",
      });
      assert.equal((await command.spawn().status).code, 0);
      for (const name of ["job", "other"]) await fileExists(`${path}/pids/${name}`);
      assert.deepEqual(aliveIn(`${path}/pids`).sort(), ["job", "other"]);
      await endJobsIn(spool, 0, { ofDeadServer });
      assert.deepEqual(aliveIn(`${path}/pids`), left);
    } finally {
      killAllIn(`${path}/pids`);
    }
  });
}
