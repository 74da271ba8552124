import assert from "node:assert/strict";
import fc from "fast-check";
import type { JobOutcome } from "../../src/jobs/job.ts";
import type { Place } from "../../src/jobs/line.ts";
import { type DispatchByHand, dispatchByHand } from "../support/dispatch.ts";
import { specOf } from "../support/jobs.ts";
import { nextTurn } from "../support/turn.ts";

const queueTimeoutMs = Infinity;

Deno.test("resize() of a dispatch changes the bound of the queue and the number of workers", async () => {
  const { line, submit, resize, listed, end, close } = dispatchByHand({ size: 1, places: 0 });
  submit("a");
  assert.ok(!line.reserve({ command: "default" }).reserved);
  resize({ size: 2, places: 1, queueTimeoutMs });
  for (const id of "bc") submit(id);
  assert.ok(!line.reserve({ command: "default" }).reserved);
  await nextTurn();
  assert.deepEqual(listed(), ["1: a", "2: b"]);
  resize({ size: 1, places: 0, queueTimeoutMs });
  for (const id of "bac") {
    assert.ok(!line.reserve({ command: "default" }).reserved);
    end(id);
    await nextTurn();
  }
  assert.deepEqual(listed(), ["1"]);
  assert.ok(line.reserve({ command: "default" }).reserved);
  line.cut();
  await close();
});

Deno.test("close() of a dispatch that has shrunk resolves when also the leaving workers have ended", async () => {
  const { submit, resize, listed, end, close } = dispatchByHand({ size: 3, places: 1 });
  const outcomes = ["a", "b", "c", "d"].map(submit);
  await nextTurn();
  resize({ size: 1, places: 0, queueTimeoutMs });
  let closed = false;
  const closing = close().then(() => closed = true);
  for (const id of "bad") {
    end(id);
    await nextTurn();
  }
  assert.equal(closed, false);
  assert.deepEqual(listed(), ["1", "3: c"]);
  end("c");
  await closing;
  for (const outcome of await Promise.all(outcomes)) assert.equal(outcome.kind, "ran");
});

Deno.test("resize() of a dispatch to no workers keeps what waits, which workers of a later resize() run", async () => {
  const { submit, resize, listed, end, close } = dispatchByHand({ size: 2, places: 2 });
  const outcomes = ["a", "b", "c"].map(submit);
  await nextTurn();
  resize({ size: 0, places: 2, queueTimeoutMs });
  for (const id of "ab") end(id);
  await nextTurn();
  assert.deepEqual(listed(), []);
  let closed = false;
  const closing = close().then(() => closed = true);
  await nextTurn();
  assert.equal(closed, false);
  resize({ size: 1, places: 2, queueTimeoutMs });
  await nextTurn();
  assert.deepEqual(listed(), ["1: c"]);
  end("c");
  await closing;
  for (const outcome of await Promise.all(outcomes)) assert.equal(outcome.kind, "ran");
});

Deno.test("close() of a dispatch without workers resolves when the last place was given back", async () => {
  const { line, close, listed } = dispatchByHand({ size: 0, places: 2 });
  assert.deepEqual(listed(), []);
  const places = [1, 2].map(() => line.reserve({ command: "default" }));
  const refusal = line.reserve({ command: "default" });
  assert.ok(!refusal.reserved);
  assert.equal(refusal.retryAfterSec, 1);
  let closed = false;
  const closing = close().then(() => closed = true);
  await nextTurn();
  assert.equal(closed, false);
  for (const place of places) if (place.reserved) place.leave();
  await closing;
  await dispatchByHand({ size: 0, places: 0 }).close();
});

Deno.test("cut() while a dispatch shrinks ends the runs of leaving workers too", async () => {
  const { line, submit, resize, running, end, close } = dispatchByHand({ size: 2, places: 1 });
  const outcomes = ["a", "b", "c"].map(submit);
  await nextTurn();
  resize({ size: 1, places: 0, queueTimeoutMs });
  assert.deepEqual(line.cut(), { running: 2, waiting: 1 });
  for (const id of "ba") {
    assert.equal(running.get(id)?.job.stop.cause, "shutdown");
    end(id);
  }
  await close();
  assert.deepEqual((await Promise.all(outcomes)).map(({ kind }) => kind), ["ran", "ran", "left"]);
});

Deno.test("resize() of a dispatch refuses no client that waits for its answer, if there is room for all", async () => {
  const clients = 3;
  const dispatch = dispatchByHand({ size: 1, places: 2 }, ({ end }) => end());
  const sizes = [[3, 0], [1, 2], [2, 1], [5, 0], [1, 4], [3, 0]] as const;
  let answered = 0;
  await Promise.all(Array.from({ length: clients }, async (_, client) => {
    for (let turn = 0; turn < 60; turn++) {
      const outcome = await dispatch.submit(`${client}-${turn}`);
      assert.equal(outcome.kind, "ran");
      const [size, places] = sizes[answered++ % sizes.length] ?? sizes[0];
      if (turn % 2 === 0) dispatch.resize({ size, places, queueTimeoutMs });
    }
  }));
  assert.equal(answered, 60 * clients);
  await dispatch.close();
});

/** What can happen to a dispatch, in any order. */
const steps = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.constant({ do: "reserve" } as const) },
    { weight: 8, arbitrary: fc.record({ do: fc.constant("fill" as const), which: fc.nat() }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant("leave" as const), which: fc.nat() }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant("end" as const), which: fc.nat() }) },
    { weight: 6, arbitrary: fc.constant({ do: "turn" } as const) },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant("resize" as const),
        size: fc.integer({ min: 1, max: 4 }),
        places: fc.nat({ max: 3 }),
      }),
    },
    { weight: 1, arbitrary: fc.constantFrom({ do: "close" } as const, { do: "cut" } as const) },
  ),
  { maxLength: 80 },
);

/** A filled job as the test knows it. */
interface Filled {
  readonly place: Place;
  outcome?: JobOutcome;
}

/** Checks everything that must hold when nothing is about to happen. */
function assertAtRest(dispatch: DispatchByHand, size: number, filled: Map<string, Filled>): void {
  const { pool, running, begun, listed } = dispatch;
  const begunIds = begun.map((text) => Number(text.split(" ")[0]));
  assert.deepEqual(begunIds, begunIds.toSorted((one, other) => one - other), "first in, first out");
  const jobs = new Map([...running.values()].map(({ workerId, job }) => [workerId, job.spec.id]));
  const staying = Array.from({ length: size }, (_, index) => index + 1);
  const leaving = [...jobs.keys()].filter((id) => id > size).toSorted((one, other) => one - other);
  assert.deepEqual(
    listed(),
    [...staying, ...leaving].map((id) => jobs.has(id) ? `${id}: ${jobs.get(id)}` : String(id)),
  );
  assert.equal(pool.busy, running.size);
  assert.equal(pool.started, begun.length);
  const waits = [...filled].some(([id, { outcome }]) => !outcome && !running.has(id));
  if (waits) assert.ok(staying.every((id) => jobs.has(id)), "a worker is idle while a job waits");
}

Deno.test("resize() between any other calls keeps bound, order and ids, loses no job and runs none twice", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (script) => {
      let size = 2;
      let bound = 3;
      /** A job that is on its way to a worker when it shall leave still begins there. */
      let mostWorkers = size;
      let open = true;
      const dispatch = dispatchByHand({ size, places: 1 }, ({ workerId }) => {
        assert.ok(workerId <= mostWorkers, "a worker that leaves takes a job");
      });
      const { line, running, begun } = dispatch;
      const reserved: Place[] = [];
      const filled = new Map<string, Filled>();
      /** Jobs that are in the queue or run. */
      const unfinished = new Set<string>();
      const turn = async () => {
        await nextTurn();
        mostWorkers = size;
        assertAtRest(dispatch, size, filled);
      };
      for (const step of script) {
        switch (step.do) {
          case "reserve": {
            const place = line.reserve({ command: "default" });
            assert.equal(place.reserved, open && reserved.length + unfinished.size < bound);
            if (place.reserved) reserved.push(place);
            else assert.equal(place.cause, open ? "queue_full" : "draining");
            break;
          }
          case "fill": {
            const [place] = reserved.splice(step.which % Math.max(1, reserved.length), 1);
            if (!place) break;
            const id = String(filled.size);
            const job: Filled = { place };
            filled.set(id, job);
            unfinished.add(id);
            place.fill(specOf(id)).then((outcome) => job.outcome = outcome);
            break;
          }
          case "leave": {
            const id = String(step.which % (filled.size + 1));
            const place = filled.get(id)?.place ?? reserved.pop();
            place?.leave();
            if (!running.has(id)) unfinished.delete(id);
            break;
          }
          case "end": {
            const [id] = [...running.keys()].splice(step.which % Math.max(1, running.size), 1);
            if (id === undefined) break;
            dispatch.end(id);
            await turn();
            unfinished.delete(id);
            break;
          }
          case "turn":
            await turn();
            break;
          case "resize":
            size = step.size;
            bound = step.size + step.places;
            mostWorkers = Math.max(mostWorkers, size);
            dispatch.resize({ ...step, queueTimeoutMs });
            break;
          case "close":
            open = false;
            line.close();
            break;
          case "cut": {
            open = false;
            const waiting = [...unfinished].filter((id) => !running.has(id));
            assert.deepEqual(line.cut(), { running: running.size, waiting: waiting.length });
            reserved.length = 0;
            for (const id of waiting) unfinished.delete(id);
            for (const { job } of running.values()) assert.ok(job.stop.cause);
          }
        }
      }
      for (const place of reserved) place.leave();
      let closed = false;
      dispatch.close().then(() => closed = true);
      await turn();
      while (running.size > 0) {
        assert.equal(closed, false);
        for (const id of running.keys()) dispatch.end(id);
        await turn();
      }
      assert.equal(closed, true);
      assert.equal(line.waiting, 0);
      const ran = [...filled].filter(([, { outcome }]) => outcome?.kind === "ran");
      assert.equal(ran.length, begun.length);
      for (const [id, { outcome }] of filled) assert.ok(outcome, `${id} has no outcome`);
    }),
    { numRuns: 150 },
  );
});
