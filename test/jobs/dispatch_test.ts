import assert from "node:assert/strict";
import { createDispatch } from "../../src/jobs/dispatch.ts";
import type { JobOutcome } from "../../src/jobs/job.ts";
import { createMemoryLine } from "../../src/jobs/memory_line.ts";
import type { RunningJob } from "../../src/jobs/pool.ts";
import { ranOf, specOf } from "../support/jobs.ts";

/** One worker, one place, and runs that end when the test says so. */
function setUp() {
  const line = createMemoryLine({ workers: 1, places: 1, queueTimeoutMs: Infinity });
  const running: RunningJob[] = [];
  const end: ((outcome: JobOutcome) => void)[] = [];
  const dispatch = createDispatch({
    line,
    size: 1,
    run(job) {
      running.push(job);
      return new Promise((resolve) => end.push(resolve));
    },
    onBug: (bug) => assert.fail(String(bug)),
  });
  const submit = (id: string) => {
    const place = line.reserve({ command: "default" });
    return place.reserved ? place.fill(specOf(id)) : place.cause;
  };
  /** Ends the run that is the next to be ended, as soon as it has begun. */
  const endNext = async () => {
    while (end.length === 0) await Promise.resolve();
    const job = running.at(-end.length);
    end.shift()?.(ranOf(job?.spec ?? specOf("none")));
  };
  return { dispatch, submit, running, endNext };
}

Deno.test("createDispatch() runs a job that is put into the queue", async () => {
  const { dispatch, submit, running, endNext } = setUp();
  const outcome = submit("a");
  await endNext();
  assert.deepEqual(await outcome, ranOf(specOf("a")));
  assert.equal(running.length, 1);
  assert.equal(dispatch.pool.started, 1);
  await dispatch.close();
});

Deno.test("close() of a dispatch resolves when every admitted job has its outcome", async () => {
  const { dispatch, submit, endNext } = setUp();
  const outcomes = [submit("a"), submit("b")];
  assert.equal(submit("c"), "queue_full");
  let closed = false;
  const closing = dispatch.close().then(() => closed = true);
  dispatch.close();
  assert.equal(submit("d"), "draining");
  await endNext();
  await outcomes[0];
  assert.equal(closed, false);
  await endNext();
  await closing;
  const ran = await Promise.all(outcomes);
  assert.deepEqual(ran, [ranOf(specOf("a")), ranOf(specOf("b"))]);
});

Deno.test("cut() of a dispatch's queue gives the running jobs the cause shutdown and drops the waiting ones", async () => {
  const { dispatch, submit, running, endNext } = setUp();
  const [first, second] = [submit("a"), submit("b")];
  while (running.length === 0) await Promise.resolve();
  assert.deepEqual(dispatch.line.cut(), { running: 1, waiting: 1 });
  assert.equal(running[0]?.stop.cause, "shutdown");
  const outcome = await second;
  assert.ok(typeof outcome === "object" && outcome.kind === "left" && outcome.cause === "shutdown");
  await endNext();
  assert.deepEqual(await first, ranOf(specOf("a")));
  await dispatch.close();
});
