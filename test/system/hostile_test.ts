/**
 * A service that has been taken over: a wrong message of its ends it, and main cleans up as after a crash.
 */

import assert from "node:assert/strict";
import { post } from "../support/client.ts";
import { fileExists } from "../support/folder.ts";
import { aliveIn, eventually, killAllIn } from "../support/processes.ts";
import { spoolIn } from "../support/spool.ts";
import { faulty, on, type Stage } from "../support/stage.ts";

/** Triggers a bug of `faulty_service.ts` by a file of its name. */
function bringAbout(bug: string, { spool }: Stage): void {
  Deno.writeTextFileSync(`${spoolIn(spool)}/${bug}`, "");
}

const wrong: readonly (readonly [bug: string, reason: string])[] = [
  ["nulls", "a message must be an object with a known type"],
  ["numbers", "a message must be an object with a known type"],
  ["unknown", "a message must be an object with a known type"],
  ["kindless", "a question or an answer must be of a known kind"],
  ["eager", "a question or an answer must be of a known kind"],
  ["treeless", "end_tree: the tree must be an object"],
  ["markless", "end_tree: the mark must be the path of a job's folder in the spool"],
  ["foreign", "end_tree: the mark must be the path of a job's folder in the spool"],
  ["clientless", "find_gone: the hostname must be an address"],
  ["nameless", "measure: the id must be a whole number, 1 or more"],
  ["boundless", "repair: the id must be a whole number, 1 or more"],
  ["reuses", "end_tree: the id must not be in use"],
  ["uncalled", "drain: must be sent only when it is expected, and no more often"],
  ["restarts", "start: must be sent only when it is expected, and no more often"],
  ["answers", "a question or an answer must be of a known kind"],
  ["repeats", "ping: must be sent only when it is expected, and no more often"],
  ["ports", "a message must be plain data"],
  ["unreadable", "a message must be plain data"],
  ["floods", "measure: must be sent only when it is expected, and no more often"],
  ["fells", "end_tree: must be sent only when it is expected, and no more often"],
  ["hides", "a message must be an object with a known type"],
];

for (const [bug, reason] of wrong) {
  Deno.test(`a wrong message (${bug}) terminates the service, not main: processes and spool are removed, exit 1`, async () => {
    await on("stay_with_family.sh", faulty, async (stage) => {
      const { url, program, pids } = stage;
      const lost = post(url, "x").catch(() => "lost");
      await eventually("all of its processes run", () => aliveIn(pids).length === 5);
      bringAbout(bug, stage);
      const line = await program.line("the service died: killing its jobs' processes");
      assert.ok(line.endsWith(`it sent a wrong message: ${reason}"`), line);
      assert.equal(await program.exit, 1);
      assert.equal(await lost, "lost");
      assert.ok(!program.log.some((line) => line.includes("open_the_door")), "nothing is quoted");
    });
  });
}

Deno.test("valid messages with strange values do no harm to running jobs", async () => {
  await on("hold_until_released.sh", faulty, async (stage) => {
    const { url, program, folder, release } = stage;
    const running = post(url, "x", { id: "running" });
    await fileExists(`${folder}/started_running`);
    bringAbout("strange", stage);
    await fileExists(`${spoolIn(stage.spool)}/done-strange`);
    release();
    assert.equal((await running).output, "released\n");
    assert.equal(await program.stop(), 0);
  });
});

for (
  const [bug, reason, left] of [
    ["vanishes", /vanished or hangs/, ["daemon_a"]],
    ["nulls", /wrong message/, []],
  ] as const
) {
  Deno.test(`a service that ${bug} leaves ${left.length} daemons of finished jobs alive`, async () => {
    await on("leave_daemon.sh", faulty, async (stage) => {
      const { url, program, pids } = stage;
      await post(url, "x", { id: "a" });
      bringAbout(bug, stage);
      assert.match(await program.line("the service died"), reason);
      assert.equal(await program.exit, 1);
      assert.deepEqual(aliveIn(pids), left);
      killAllIn(pids);
      await eventually("they are gone", () => aliveIn(pids).length === 0);
    });
  });
}

for (const bug of ["nulls", "hangs"]) {
  Deno.test(`a service that ${bug}: main kills what a running command started, even without mark and parent`, async () => {
    await on("stay_without_environment.sh", faulty, async (stage) => {
      const { url, program, pids } = stage;
      const lost = post(url, "x").catch(() => "lost");
      await eventually("it runs", () => aliveIn(pids).length === 2);
      bringAbout(bug, stage);
      await program.line("the service died");
      assert.equal(await program.exit, 1);
      assert.equal(await lost, "lost");
    });
  });
}

Deno.test("a service that starts the command itself gets no secret, and what it started is killed", async () => {
  const env = { ...faulty, JOBRUNNER_PASSWORD: "hunter2", OWN: "the server's" };
  await on("run_payload.sh", env, async (stage) => {
    const { url, program, pids, spool } = stage;
    const headers = { "X-JR-PASSWORD": "hunter2" };
    const lost = post(url, "sleep 1000", { headers }).catch(() => "lost");
    await eventually(
      "a job runs",
      () => [...Deno.readDirSync(spoolIn(spool))].some(({ isDirectory }) => isDirectory),
    );
    bringAbout("starts", stage);
    await eventually(
      "its own command runs",
      () => [...Deno.readDirSync(spoolIn(spool))].some(({ name }) => name === "done-starts"),
    );
    const shown = Deno.readTextFileSync(`${spoolIn(spool)}/done-starts`);
    assert.match(shown, /^OWN=the server's$/m);
    assert.doesNotMatch(shown, /hunter2/);
    assert.deepEqual(aliveIn(pids), ["child", "started"]);
    bringAbout("nulls", stage);
    assert.equal(await program.exit, 1);
    assert.equal(await lost, "lost");
  });
});

Deno.test("a service that answers only ping does not delay a stop beyond its limit", async () => {
  const env = { ...faulty, JOBRUNNER_DRAIN_TIMEOUT_SEC: "0" };
  await on("stay_with_family.sh", env, async (stage) => {
    const { url, program, pids } = stage;
    const lost = post(url, "x").catch(() => "lost");
    await eventually("all of its processes run", () => aliveIn(pids).length === 5);
    bringAbout("stalls", stage);
    await fileExists(`${spoolIn(stage.spool)}/done-stalls`);
    assert.equal(await program.stop(), 1);
    assert.match(await program.line("forced stop: jobs were"), /end="given up"/);
    assert.equal(await lost, "lost");
  });
});

Deno.test("a wrong message during a forced stop is logged as well", async () => {
  await on("ignore_sigterm.sh", { ...faulty, JOBRUNNER_KILL_GRACE_SEC: "5" }, async (stage) => {
    const { url, program, pids } = stage;
    const lost = post(url, "x").catch(() => "lost");
    await fileExists(`${pids}/ignore_sigterm`);
    Deno.kill(program.pid, "SIGTERM");
    await program.line("stopping");
    await eventually("the second signal is heard", () => {
      if (program.log.some((line) => line.includes("forced stop"))) return true;
      Deno.kill(program.pid, "SIGTERM");
      return false;
    });
    bringAbout("nulls", stage);
    assert.match(await program.line("the service died"), /wrong message/);
    assert.equal(await program.exit, 1);
    assert.equal(await lost, "lost");
  });
});
