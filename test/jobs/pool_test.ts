import assert from "node:assert/strict";
import { createChannel } from "../../src/async/channel.ts";
import { startPool } from "../../src/jobs/pool.ts";

function failOnBug(bug: unknown): void {
  throw bug;
}

Deno.test("workers have ids 1 to N, one job each, and take jobs in order", async () => {
  const channel = createChannel<string>(10);
  const started: string[] = [];
  const gates = new Map<string, () => void>();
  const everyWorkerStarted = Promise.withResolvers<void>();
  const pool = startPool<string>({
    size: 3,
    channel,
    onBug: failOnBug,
    run: async (job, workerId) => {
      started.push(`${job} on ${workerId}`);
      if (started.length === 3) everyWorkerStarted.resolve();
      await new Promise<void>((resolve) => gates.set(job, resolve));
    },
  });
  for (const job of ["a", "b", "c", "d", "e"]) assert.equal(channel.trySend(job), "accepted");
  await everyWorkerStarted.promise;
  assert.deepEqual(started, ["a on 1", "b on 2", "c on 3"]);
  assert.equal(pool.busy, 3);
  assert.equal(channel.length, 2);
  assert.deepEqual(pool.workers().map(({ id, job }) => [id, job]), [[1, "a"], [2, "b"], [3, "c"]]);
  channel.close();
  for (let released = 0; released < 5;) {
    const [job] = gates.keys();
    if (job === undefined) {
      await Promise.resolve();
      continue;
    }
    gates.get(job)?.();
    gates.delete(job);
    released++;
  }
  await pool.finished;
  assert.equal(pool.started, 5);
  assert.equal(pool.busy, 0);
  assert.deepEqual(started.slice(3).map((line) => line.slice(0, 1)), ["d", "e"]);
});

Deno.test("a bug in a run is reported and costs no worker", async () => {
  const channel = createChannel<string>(10);
  const bugs: unknown[] = [];
  const done: string[] = [];
  const pool = startPool<string>({
    size: 1,
    channel,
    onBug: (bug, job) => bugs.push([String(bug), job]),
    run: (job) => {
      if (job === "bad") return Promise.reject(new Error("oh"));
      done.push(job);
      return Promise.resolve();
    },
  });
  channel.trySend("bad");
  channel.trySend("good");
  channel.close();
  await pool.finished;
  assert.deepEqual(bugs, [["Error: oh", "bad"]]);
  assert.deepEqual(done, ["good"]);
});

Deno.test("the expected wait is mean run time × place ÷ workers, in whole seconds, at least 1", async () => {
  const channel = createChannel<number>(10);
  let clock = 0;
  const pool = startPool<number>({
    size: 2,
    channel,
    now: () => clock,
    onBug: failOnBug,
    run: (ms) => {
      clock += ms;
      return Promise.resolve();
    },
  });
  assert.equal(pool.expectedWaitSec(31), 1, "nothing is known yet");
  for (const ms of [4000, 6000]) {
    channel.trySend(ms);
    do await Promise.resolve(); while (pool.busy > 0);
  }
  channel.close();
  await pool.finished;
  assert.equal(pool.expectedWaitSec(1), 3, "5 s × 1 ÷ 2 is 2.5 s");
  assert.equal(pool.expectedWaitSec(31), 78, "5 s × 31 ÷ 2 is 77.5 s");
});
