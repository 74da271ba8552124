/**
 * Stopping: drains, forced stops, crashes.
 */

import assert from "node:assert/strict";
import { type Answer, get, headOf, post, say, statusOf } from "../support/client.ts";
import { fileExists } from "../support/folder.ts";
import { aliveIn, eventually, isAlive } from "../support/processes.ts";
import { fixture, secondSignal, startProgram, untilListening } from "../support/program.ts";
import { faulty, on } from "../support/stage.ts";

async function queued(url: string, count: number): Promise<void> {
  await eventually(
    `${count} wait`,
    async () => (await statusOf(url)).queued_jobs === count,
  );
}

/** An upload of which the head and the beginning of the body are sent. */
async function halfSent(url: string): Promise<{ finish(): Promise<string> } & Disposable> {
  const body = JSON.stringify({ id: "upload", data: "YQ==" });
  const connection = await say(url, headOf(body.length) + body.slice(0, 5));
  return {
    async finish() {
      await connection.write(new TextEncoder().encode(body.slice(5)));
      return await readHead(connection);
    },
    [Symbol.dispose]: () => connection.close(),
  };
}

async function readHead(connection: Deno.Conn): Promise<string> {
  const buffer = new Uint8Array(65536);
  const length = await connection.read(buffer);
  return new TextDecoder().decode(buffer.subarray(0, length ?? 0));
}

Deno.test("a drain reports not ready, answers 503 to new jobs, finishes the others, and exits with 0", async () => {
  await on("hold_until_released.sh", {}, async ({ url, program, folder, release }) => {
    const running = post(url, "x", { id: "running" });
    await fileExists(`${folder}/started_running`);
    const waiting = post(url, "x", { id: "waiting" });
    await queued(url, 1);
    using upload = await halfSent(url);
    await eventually("the upload has begun", async () => {
      return (await statusOf(url)).buffered_bytes > 1;
    });
    const stopped = program.stop();
    await program.line("stopping");
    await eventually("it is not ready", async () => (await get(`${url}/readyz`)).status === 503);
    assert.equal((await get(`${url}/livez`)).status, 200);
    assert.equal((await statusOf(url)).state, "draining");
    const refused = await post(url, "x", { id: "late" });
    assert.equal(refused.status, 503);
    assert.match(refused.text, /^The server is stopping/);
    assert.match(refused.headers.get("retry-after") ?? "", /^[1-9]\d*$/);
    release();
    assert.deepEqual((await Promise.all([running, waiting])).map(({ output }) => output), [
      "released\n",
      "released\n",
    ]);
    assert.match(await upload.finish(), /^HTTP\/1\.1 200 /);
    assert.equal(await stopped, 0);
    assert.ok(program.log.at(-1)?.includes("stopped"), program.log.at(-1));
  });
});

function expectCut(running: Answer, waiting: Answer): void {
  assert.deepEqual([running.status, running.json["ending"], running.output], [
    200,
    "shutdown",
    "begun\n",
  ]);
  assert.deepEqual([waiting.status, waiting.headers.has("retry-after")], [503, true]);
  assert.match(waiting.text, /^The server is stopping/);
}

for (
  const [how, env] of [["the drain timeout", { JOBRUNNER_DRAIN_TIMEOUT_SEC: "0.2" }], [
    "a second signal",
    {},
  ]] as const
) {
  Deno.test(`${how} forces the stop: process trees are killed, clients answered, files removed, exit 1`, async () => {
    await on("ignore_sigterm.sh", env, async ({ url, program, pids }) => {
      const running = post(url, "x", { id: "running" });
      await fileExists(`${pids}/ignore_sigterm`);
      const waiting = post(url, "x", { id: "waiting" });
      await queued(url, 1);
      using _upload = await halfSent(url);
      const stopped = program.stop();
      await program.line("stopping");
      if (how === "a second signal") await secondSignal(program);
      expectCut(await running, await waiting);
      assert.equal(await stopped, 1);
      assert.match(await program.line("forced stop: jobs were"), /running=1 waiting=1/);
    });
  });
}

Deno.test("serve kills the processes that the jobs of a killed server left behind, and logs that", async () => {
  await on("stay_with_family.sh", {}, async ({ url, program, pids, spool }) => {
    const lost = post(url, "x").catch(() => "lost");
    await eventually("all of its processes run", () => aliveIn(pids).length === 5);
    await program.stop("SIGKILL");
    assert.equal(await lost, "lost");
    assert.equal(aliveIn(pids).length, 5);
    await using next = await startProgram({
      env: { JOBRUNNER_CMD: "true", JOBRUNNER_SPOOL_DIR: spool, JOBRUNNER_KILL_GRACE_SEC: "0.3" },
    });
    assert.match(await next.line("removed leftovers of a dead server"), /processes_ended=[5-9]/);
    assert.deepEqual(aliveIn(pids), []);
    assert.equal(await next.stop(), 0);
  });
});

Deno.test("serve does not kill the processes of another living server", async () => {
  await on("ignore_sigterm.sh", {}, async ({ url, program, pids, spool }) => {
    const running = post(url, "x");
    await eventually("it runs", () => aliveIn(pids).length === 1);
    await using other = await startProgram({
      env: { JOBRUNNER_CMD: "true", JOBRUNNER_SPOOL_DIR: spool },
    });
    assert.equal(await other.stop(), 0);
    assert.deepEqual(aliveIn(pids), ["ignore_sigterm"]);
    const stopped = program.stop();
    await program.line("stopping");
    await secondSignal(program);
    assert.equal((await running).json["ending"], "shutdown");
    assert.equal(await stopped, 1);
  });
});

for (const bug of ["throws", "rejects"]) {
  Deno.test(`a service that ${bug} outside any request logs the stack, finishes running jobs, exits with 1`, async () => {
    await on("hold_until_released.sh", faulty, async ({ url, program, release }) => {
      const running = post(url, "x", { id: bug });
      await program.line("stopping");
      assert.match(
        await program.line("uncaught error in the service"),
        /a bug outside any request.*faulty_service\.ts/,
      );
      release();
      assert.equal((await running).output, "released\n");
      assert.equal(await program.exit, 1);
    });
  });
}

for (const bug of ["vanishes", "hangs"]) {
  Deno.test(`a service that ${bug} is noticed by main, which kills every job's processes and exits with 1`, async () => {
    await on("stay_with_family.sh", faulty, async ({ url, program }) => {
      const lost = post(url, "x", { id: bug }).catch(() => "lost");
      assert.doesNotMatch(await program.line("the service died"), /request_id/);
      assert.equal(await program.exit, 1);
      assert.equal(await lost, "lost");
    });
  });
}

Deno.test("a service that hangs in work for a request ends with exit 1, and the log names the request", async () => {
  await on("stay_with_family.sh", faulty, async ({ url, program, pids }) => {
    const running = post(url, "x", { headers: { "x-request-id": "harmless" } }).catch(() => "lost");
    await fileExists(`${pids}/command`);
    const headers = { "x-request-id": "the-one_at=fault" };
    const lost = post(url, "x", { id: "endless", headers }).catch(() => "lost");
    const line = await program.line("the service died");
    assert.match(line, / request_id="?the-one_at=fault"? reason="[^"]*vanished or hangs/);
    assert.equal(await program.exit, 1);
    assert.deepEqual(await Promise.all([running, lost]), ["lost", "lost"]);
  });
});

Deno.test("SIGINT to the whole process group counts once, although deno task forwards it as well", async () => {
  await on("hold_until_released.sh", {}, async ({ program, spool }) => {
    await program.stop();
    const other = new Deno.Command("setsid", {
      args: [Deno.execPath(), "task", "start"],
      env: {
        JOBRUNNER_CMD: fixture("run_payload.sh"),
        JOBRUNNER_HTTP_LISTEN_PORT: "0",
        JOBRUNNER_LOG_FORMAT: "text",
        JOBRUNNER_SPOOL_DIR: spool,
        NO_COLOR: "1",
      },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    });
    const group = await untilListening(other.spawn());
    const ignoring = post(group.url, "trap '' INT; sleep 0.3; echo whole");
    await eventually(
      "it runs",
      async () => (await statusOf(group.url)).busy === 1,
    );
    // The leader of the session is deno task; a negative id means its group, as a terminal has it.
    await new Deno.Command("kill", { args: ["-INT", "--", `-${group.pid}`] }).output();
    assert.equal((await ignoring).output, "whole\n");
    await group.line("stopped");
    assert.ok(!group.log.some((line) => line.includes("forced stop")), group.log.join("\n"));
    await group.exit;
    await group.stop();
  });
});

Deno.test("JOBRUNNER_DRAIN_TIMEOUT_SEC=0 stops an idle server with exit 0", async () => {
  await on("run_payload.sh", { JOBRUNNER_DRAIN_TIMEOUT_SEC: "0" }, async ({ url, program }) => {
    await post(url, "exit 0");
    assert.equal(await program.stop(), 0);
  });
});

Deno.test("a daemon of a finished job is not killed when its server dies and the next one starts", async () => {
  await on("leave_daemon.sh", {}, async ({ url, program, pids, spool }) => {
    await post(url, "x", { id: "a" });
    const daemon = Number(Deno.readTextFileSync(`${pids}/daemon_a`));
    await program.stop("SIGKILL");
    await using next = await startProgram({
      env: { JOBRUNNER_CMD: "true", JOBRUNNER_SPOOL_DIR: spool },
    });
    await next.line("removed leftovers of a dead server");
    assert.ok(isAlive(daemon));
    assert.equal(await next.stop(), 0);
    Deno.kill(daemon, "SIGKILL");
    await eventually("it is gone", () => !isAlive(daemon));
  });
});

Deno.test("a forced stop does not wait for a client that does not read its answer, and exits with 1", async () => {
  await on("run_payload.sh", { JOBRUNNER_DRAIN_TIMEOUT_SEC: "0.2" }, async ({ url, program }) => {
    const body = JSON.stringify({ id: "x", data: btoa("head -c 30000000 /dev/zero") });
    using _deaf = await say(url, headOf(body.length) + body);
    await program.line("outcome=success");
    assert.equal(await program.stop(), 1);
    assert.match(await program.line("gave up on an unread response"), /cause=shutdown/);
    assert.match(
      await program.line("stopped: gave up on unread responses"),
      / ERROR .* answers=1$/,
    );
  });
});
