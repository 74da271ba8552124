import assert from "node:assert/strict";
import type { JobOutcome } from "../../src/jobs/job.ts";
import type { Lease } from "../../src/jobs/line.ts";
import { createMemoryLine } from "../../src/jobs/memory_line.ts";
import { type PoolSettings, startPool } from "../../src/jobs/pool.ts";
import { createStop } from "../../src/jobs/stop.ts";
import { ranOf, specOf } from "../support/jobs.ts";
import { nextTurn } from "../support/turn.ts";

/** A pool on a line that holds these jobs and nothing else. */
function poolOf(ids: readonly string[], settings: Pick<PoolSettings, "size" | "run">) {
  const { size } = settings;
  const line = createMemoryLine({ workers: size, places: ids.length, queueTimeoutMs: Infinity });
  const outcomes = ids.map((id) => {
    const place = line.reserve({ command: "default" });
    assert.ok(place.reserved);
    return place.fill(specOf(id));
  });
  line.close();
  const bugs: [string, string][] = [];
  const pool = startPool({
    line,
    onBug: (bug, { spec }) => bugs.push([String(bug), spec.id]),
    ...settings,
  });
  return { pool, bugs, outcomes: Promise.all(outcomes) };
}

Deno.test("startPool() has workers with ids 1 to N, one job each, in the order of the queue", async () => {
  const started: string[] = [];
  const gates = new Map<string, () => void>();
  const everyWorkerStarted = Promise.withResolvers<void>();
  const { pool, bugs, outcomes } = poolOf(["a", "b", "c", "d", "e"], {
    size: 3,
    async run({ spec }, workerId) {
      started.push(`${spec.id} on ${workerId}`);
      if (started.length === 3) everyWorkerStarted.resolve();
      await new Promise<void>((resolve) => gates.set(spec.id, resolve));
      return ranOf(spec);
    },
  });
  await everyWorkerStarted.promise;
  assert.deepEqual(started, ["a on 1", "b on 2", "c on 3"]);
  assert.equal(pool.busy, 3);
  assert.deepEqual(
    pool.workers().map(({ id, job }) => [id, job?.spec.id]),
    [[1, "a"], [2, "b"], [3, "c"]],
  );
  for (let released = 0; released < 5;) {
    const [id] = gates.keys();
    if (id === undefined) {
      await Promise.resolve();
      continue;
    }
    gates.get(id)?.();
    gates.delete(id);
    released++;
  }
  await pool.finished;
  assert.equal(pool.started, 5);
  assert.equal(pool.busy, 0);
  assert.deepEqual(pool.workers().map(({ job }) => job), [undefined, undefined, undefined]);
  assert.deepEqual(started.slice(3).map((line) => line.slice(0, 1)), ["d", "e"]);
  assert.deepEqual((await outcomes).map(({ kind }) => kind), Array(5).fill("ran"));
  assert.deepEqual(bugs, []);
});

Deno.test("startPool() reports a bug in a run, fails its job and keeps the worker", async () => {
  const { pool, bugs, outcomes } = poolOf(["bad", "good"], {
    size: 1,
    run: ({ spec }) =>
      spec.id === "bad" ? Promise.reject(new Error("oh")) : Promise.resolve(ranOf(spec)),
  });
  assert.deepEqual(await outcomes, [
    { kind: "failed", failure: { kind: "internal", reason: "Error: oh" } },
    ranOf(specOf("good")),
  ]);
  await pool.finished;
  assert.deepEqual(bugs, [["Error: oh", "bad"]]);
});

Deno.test("startPool() has a worker ask for its next job before it settles the last one", async () => {
  const events: string[] = [];
  const lease = (id: string): Lease => ({
    spec: specOf(id),
    handle: undefined,
    queuedSec: 0,
    stop: createStop(),
    settle: (outcome) => events.push(`${id} ${outcome.kind}, ${pool.busy} busy`),
    release: () => assert.fail(),
  });
  const leases = [lease("a"), lease("b")];
  const pool = startPool({
    size: 1,
    line: {
      take() {
        events.push("take");
        return Promise.resolve(leases.shift());
      },
      recall: () => assert.fail(),
      ended: Promise.resolve(),
    },
    run: ({ spec }) => Promise.resolve(ranOf(spec)),
    onBug: (bug) => assert.fail(String(bug)),
  });
  await pool.finished;
  assert.deepEqual(events, ["take", "take", "a ran, 0 busy", "take", "b ran, 0 busy"]);
});

Deno.test("startPool() passes the lease itself to the run", async () => {
  const lease: Lease = {
    spec: specOf("a"),
    handle: { onInputStored() {}, onCaptured() {} },
    queuedSec: 7,
    stop: createStop(),
    settle() {},
    release: () => assert.fail(),
  };
  const leases = [lease];
  const pool = startPool({
    size: 1,
    line: {
      take: () => Promise.resolve(leases.shift()),
      recall: () => assert.fail(),
      ended: Promise.resolve(),
    },
    run(job) {
      assert.equal(job, lease);
      return Promise.resolve(ranOf(job.spec));
    },
    onBug: (bug) => assert.fail(String(bug)),
  });
  await pool.finished;
  assert.equal(pool.started, 1);
});

Deno.test("finished of a pool resolves only when the last worker has finished its last job", async () => {
  const settled = { ofFirst: Promise.withResolvers<void>(), ofSecond: false };
  const leaseOf = (id: string, settle: () => void): Lease => ({
    spec: specOf(id),
    handle: undefined,
    queuedSec: 0,
    stop: createStop(),
    settle,
    release: () => assert.fail(),
  });
  const gate = Promise.withResolvers<void>();
  const leases = [
    leaseOf("first", () => settled.ofFirst.resolve()),
    leaseOf("second", () => void (settled.ofSecond = true)),
  ];
  const pool = startPool({
    size: 2,
    line: {
      take: () => Promise.resolve(leases.shift()),
      recall: () => assert.fail(),
      ended: Promise.resolve(),
    },
    async run({ spec }) {
      if (spec.id === "second") await gate.promise;
      return ranOf(spec);
    },
    onBug: (bug) => assert.fail(String(bug)),
  });
  const finished = pool.finished.then(() => assert.ok(settled.ofSecond));
  await settled.ofFirst.promise;
  await nextTurn();
  gate.resolve();
  await finished;
});

Deno.test("workers() of a pool reports since when each worker has had its job, or none", async () => {
  let clock = 100;
  const line = createMemoryLine({ workers: 1, places: 0, queueTimeoutMs: Infinity });
  const run = Promise.withResolvers<JobOutcome>();
  const begun = Promise.withResolvers<void>();
  const pool = startPool({
    size: 1,
    line,
    run: () => {
      begun.resolve();
      return run.promise;
    },
    onBug: (bug) => assert.fail(String(bug)),
  }, () => clock);
  clock = 300;
  assert.equal(pool.workers()[0]?.sinceMs, 200);
  const place = line.reserve({ command: "default" });
  assert.ok(place.reserved);
  const outcome = place.fill(specOf("a"));
  await begun.promise;
  clock = 500;
  assert.equal(pool.workers()[0]?.sinceMs, 200);
  run.resolve(ranOf(specOf("a")));
  await outcome;
  assert.equal(pool.workers()[0]?.sinceMs, 0);
  line.close();
  await pool.finished;
});
