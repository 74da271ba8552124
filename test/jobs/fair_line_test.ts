import assert from "node:assert/strict";
import { createFairLine, type FairLine, mostWaiting } from "../../src/jobs/fair_line.ts";
import type { JobOutcome } from "../../src/jobs/job.ts";
import {
  type LaneLimits,
  type Lease,
  type LineSize,
  mostArriving,
  type Place,
  type Refusal,
} from "../../src/jobs/line.ts";
import { ranOf, specOf } from "../support/jobs.ts";
import { testLine } from "../support/line_suite.ts";
import { nextTurn } from "../support/turn.ts";

testLine({
  name: "createFairLine()",
  open({ workers, places, queueTimeoutMs = Infinity }) {
    let clock = 0;
    const lanes = new Map([["ci", {}]]);
    const line = createFairLine({ workers, places, queueTimeoutMs, lanes }, () => clock);
    return {
      line,
      pass: (ms) => void (clock += ms),
      [Symbol.asyncDispose]: () => Promise.resolve(void line.cut()),
    };
  },
  about: { command: "default", client: "ci" },
  bound: ({ workers, places }) => workers + places + 1,
  mostArriving: ({ workers, places }) =>
    1 + (places > 0 ? mostArriving({ workers, places }) : Math.floor(workers / 2)),
  order: (filled) => filled,
});

function sizeOf(workers: number, places: number, lanes: Record<string, LaneLimits>): LineSize {
  return { workers, places, queueTimeoutMs: Infinity, lanes: new Map(Object.entries(lanes)) };
}

function ask(line: FairLine, client?: string, arriving = false): Place | Refusal {
  return line.reserve({ command: "default", client, arriving });
}

function placeIn(line: FairLine, client?: string, arriving = false): Place {
  const place = ask(line, client, arriving);
  assert.ok(place.reserved);
  return place;
}

function causeIn(line: FairLine, client?: string, arriving = false): string {
  const refusal = ask(line, client, arriving);
  assert.ok(!refusal.reserved);
  return refusal.cause;
}

/** Submits a job whose client is the first letter of its id. */
function submit(line: FairLine, id: string): Promise<JobOutcome> {
  return placeIn(line, id.charAt(0)).fill(specOf(id));
}

function settle(lease: Lease | undefined): void {
  assert.ok(lease);
  lease.settle(ranOf(lease.spec));
}

/** Workers that take jobs, which end when the test says so. */
function startWorkers(line: FairLine, workers: number) {
  const running = new Map<string, () => void>();
  const begun: string[] = [];
  const work = async () => {
    for (let lease = await line.take(); lease;) {
      const { id } = lease.spec;
      const ended = Promise.withResolvers<void>();
      begun.push(id);
      running.set(id, ended.resolve);
      await ended.promise;
      running.delete(id);
      const next = line.take();
      settle(lease);
      lease = await next;
    }
  };
  const finished = Promise.all(Array.from({ length: workers }, work));
  return {
    begun,
    running,
    finished,
    async end(...ids: string[]) {
      for (const id of ids) {
        const end = running.get(id);
        assert.ok(end, `job ${id} does not run`);
        end();
        await nextTurn();
      }
    },
    /** Ends every job until the queue is empty. */
    async drain() {
      line.close();
      for (let over = false; !over;) {
        finished.then(() => over = true);
        for (const end of running.values()) end();
        await nextTurn();
      }
    },
  };
}

Deno.test("take() of a fair queue returns a job of the client with the fewest running jobs", async () => {
  const line = createFairLine(sizeOf(2, 10, { a: {}, b: {} }));
  const workers = startWorkers(line, 2);
  for (const id of ["a1", "a2", "a3", "a4", "b1", "b2", "b3"]) submit(line, id);
  await nextTurn();
  assert.deepEqual(workers.begun, ["a1", "a2"]);
  await workers.end("a1");
  assert.deepEqual(workers.begun.slice(2), ["b1"], "a has one running job, b none");
  await workers.end("b1", "b2");
  assert.deepEqual(workers.begun.slice(3), ["b2", "b3"], "a2 is long: b has one worker to itself");
  await workers.end("a2");
  assert.deepEqual(workers.begun.slice(5), ["a3"]);
  await workers.drain();
});

Deno.test("take() of a fair queue prefers, of clients with as many running jobs, the one served longest ago", async () => {
  const line = createFairLine(sizeOf(1, 10, { a: {}, b: {}, c: {} }));
  const workers = startWorkers(line, 1);
  for (const id of ["a1", "a2", "b1", "b2", "c1", "a3"]) submit(line, id);
  await nextTurn();
  await workers.end("a1", "b1", "c1", "a2", "b2", "a3");
  assert.deepEqual(workers.begun, ["a1", "b1", "c1", "a2", "b2", "a3"]);
  await workers.drain();
});

Deno.test("take() of a fair queue prefers, of clients that were never served, the one that has waited longest", async () => {
  const line = createFairLine(sizeOf(1, 10, { a: {}, b: {}, c: {} }));
  for (const id of ["c1", "a1", "b1"]) submit(line, id);
  const workers = startWorkers(line, 1);
  await nextTurn();
  await workers.end("c1", "a1", "b1");
  assert.deepEqual(workers.begun, ["c1", "a1", "b1"]);
  await workers.drain();
});

for (const places of [0, 3]) {
  Deno.test(`reserve() of a fair queue with ${places} places gives each client an own place while another one holds all others`, async () => {
    const size = sizeOf(2, places, { a: {}, b: {}, c: {} });
    const line = createFairLine(size);
    const workers = startWorkers(line, 2);
    let count = 0;
    for (; count < 2 + places + 1; count++) submit(line, `a${count}`);
    await nextTurn();
    assert.equal(causeIn(line, "a"), "queue_full");
    for (const client of ["b", "c"]) {
      submit(line, `${client}1`);
      assert.equal(causeIn(line, client), "queue_full");
    }
    assert.equal(line.waiting, mostWaiting(size));
    assert.equal(causeIn(line), "queue_full", "clients without a lane have no own place");
    await workers.end("a0");
    assert.deepEqual(workers.begun.slice(2), ["b1"]);
    submit(line, "b2");
    assert.equal(causeIn(line, "a"), "queue_full");
    await workers.drain();
  });
}

Deno.test("reserve() of a fair queue treats clients without a lane as one, without an own place", async () => {
  const line = createFairLine(sizeOf(1, 1, { a: {} }));
  const workers = startWorkers(line, 1);
  placeIn(line, "x").fill(specOf("x"));
  placeIn(line).fill(specOf("y"));
  assert.equal(causeIn(line, "x"), "queue_full");
  submit(line, "a");
  await nextTurn();
  await workers.end("x", "a", "y");
  assert.deepEqual(workers.begun, ["x", "a", "y"]);
  await workers.drain();
});

Deno.test("a client with maxRunning of a fair queue runs no more jobs than that, while others use the idle workers", async () => {
  const line = createFairLine(sizeOf(3, 2, { a: { maxRunning: 1 }, b: {} }));
  const workers = startWorkers(line, 3);
  for (const id of ["a1", "a2", "a3", "a4"]) submit(line, id);
  await nextTurn();
  assert.deepEqual(workers.begun, ["a1"]);
  assert.equal(line.waiting, 3, "two workers are idle, and three jobs wait");
  assert.equal(causeIn(line, "a"), "queue_full", "one own place, and two to wait in");
  for (const id of ["b1", "b2", "b3"]) submit(line, id);
  await nextTurn();
  assert.deepEqual(workers.begun.slice(1), ["b1", "b2"]);
  assert.equal(line.waiting, 4);
  assert.equal(causeIn(line, "b"), "queue_full");
  await workers.end("a1");
  assert.deepEqual(workers.begun.slice(3), ["a2"], "the end of a job wakes the worker");
  await workers.drain();
});

Deno.test("a client that waits for its answer is not refused with maxRunning 1 and maxWaiting 0, if a worker is idle", async () => {
  const line = createFairLine(sizeOf(2, 0, { a: { maxRunning: 1, maxWaiting: 0 } }));
  const workers = startWorkers(line, 2);
  for (const id of ["a1", "a2", "a3"]) {
    const outcome = submit(line, id);
    assert.equal(causeIn(line, "a"), "client_limit");
    await nextTurn();
    await workers.end(id);
    assert.equal((await outcome).kind, "ran");
  }
  await workers.drain();
});

Deno.test("reserve() of a fair queue refuses with client_limit when maxWaiting jobs of the client wait", async () => {
  const line = createFairLine(sizeOf(1, 10, { a: { maxWaiting: 2 }, b: {} }));
  const workers = startWorkers(line, 1);
  submit(line, "a1");
  await nextTurn();
  const place = placeIn(line, "a");
  submit(line, "a2");
  assert.equal(causeIn(line, "a"), "client_limit");
  assert.equal(line.waiting, 2);
  submit(line, "b1");
  place.leave();
  submit(line, "a3");
  assert.equal(causeIn(line, "a"), "client_limit");
  await workers.drain();
});

Deno.test("reserve() of a fair queue counts no job against maxWaiting that could begin at once", async () => {
  const line = createFairLine(sizeOf(2, 10, { a: { maxWaiting: 0 } }));
  const workers = startWorkers(line, 2);
  const places = [placeIn(line, "a"), placeIn(line, "a")];
  assert.equal(causeIn(line, "a"), "client_limit");
  for (const [index, place] of places.entries()) place.fill(specOf(`a${index}`));
  await nextTurn();
  assert.equal(causeIn(line, "a"), "client_limit");
  assert.equal(workers.running.size, 2);
  await workers.drain();
});

Deno.test("reserve() of a fair queue lets a body of each client arrive, however many of another one are arriving", () => {
  for (const [workers, places] of [[1, 0], [1, 1], [4, 0], [2, 6]] as const) {
    const line = createFairLine(sizeOf(workers, places, { a: {}, b: {} }));
    while (ask(line, "a", true).reserved);
    assert.equal(causeIn(line, "a", true), "uploads_full");
    placeIn(line, "b", true);
    assert.equal(causeIn(line, "b", true), "uploads_full");
    line.cut();
  }
});

Deno.test("bodies that are still to arrive keep at most half of the workers of a fair queue idle, and only without places", async () => {
  for (const [places, begun] of [[0, 2], [4, 4]] as const) {
    const line = createFairLine(sizeOf(4, places, { a: {}, b: {}, c: {}, d: {}, e: {} }));
    const workers = startWorkers(line, 4);
    const bodies: Place[] = [];
    for (let body = ask(line, "a", true); body.reserved; body = ask(line, "a", true)) {
      bodies.push(body);
    }
    assert.equal(bodies.length, 3);
    for (const id of ["b", "c", "d", "e"]) submit(line, id);
    await nextTurn();
    assert.equal(workers.running.size, begun);
    for (const body of bodies) body.leave();
    await nextTurn();
    assert.equal(workers.running.size, 4, "the place of a body that broke off frees its worker");
    await workers.drain();
  }
});

Deno.test("position() in a fair queue counts the client's own jobs", () => {
  const line = createFairLine(sizeOf(1, 10, { a: {}, b: {} }));
  for (const id of ["a1", "a2", "a3"]) submit(line, id);
  const place = placeIn(line, "b");
  place.fill(specOf("b1"));
  assert.equal(place.position(), 1);
  line.cut();
});

Deno.test("a refusal of a fair queue estimates the wait from the client's own jobs and its share of the workers", async () => {
  let clock = 0;
  const line = createFairLine(
    sizeOf(4, 0, { a: {}, b: { maxRunning: 1, maxWaiting: 1 } }),
    () => clock,
  );
  submit(line, "a1");
  const lease = await line.take();
  clock = 12_000;
  settle(lease);
  const retryIn = (client: string) => {
    const refusal = ask(line, client);
    assert.ok(!refusal.reserved);
    return refusal.retryAfterSec;
  };
  submit(line, "b1");
  assert.equal(retryIn("b"), 24, "12 s × 2 ÷ 1: maxRunning");
  for (const id of ["a2", "a3", "a4", "a5", "a6"]) submit(line, id);
  assert.equal(retryIn("a"), 36, "12 s × 6 ÷ 2: half of the workers");
  line.cut();
});

Deno.test("release() puts a job first in its lane of a fair queue again", async () => {
  const line = createFairLine(sizeOf(1, 5, { a: {}, b: {} }));
  for (const id of ["a1", "a2", "b1"]) submit(line, id);
  const lease = await line.take();
  lease?.release();
  const taken: string[] = [];
  for (let left = 3; left > 0; left--) {
    const next = await line.take();
    taken.push(next?.spec.id ?? "");
    settle(next);
  }
  assert.deepEqual(taken, ["b1", "a1", "a2"]);
  line.cut();
});

Deno.test("resize() of a fair queue gives a new client its own place, and takes that of one who is gone when its jobs are over", async () => {
  const line = createFairLine(sizeOf(1, 0, { a: {} }));
  const workers = startWorkers(line, 1);
  const outcomes = [submit(line, "a1"), submit(line, "a2")];
  await nextTurn();
  assert.equal(causeIn(line, "b"), "queue_full");
  line.resize(sizeOf(1, 0, { b: {} }));
  outcomes.push(submit(line, "b1"));
  assert.equal(causeIn(line, "a"), "queue_full");
  await workers.end("a1", "a2", "b1");
  for (const outcome of outcomes) assert.equal((await outcome).kind, "ran");
  submit(line, "a3");
  await nextTurn();
  assert.equal(causeIn(line, "a"), "queue_full", "it has no own place");
  await workers.drain();
});

Deno.test("resize() of a fair queue applies new limits to jobs that wait", async () => {
  const line = createFairLine(sizeOf(2, 5, { a: { maxRunning: 1 } }));
  const workers = startWorkers(line, 2);
  for (const id of ["a1", "a2", "a3"]) submit(line, id);
  await nextTurn();
  assert.deepEqual(workers.begun, ["a1"]);
  line.resize(sizeOf(2, 5, { a: { maxRunning: 2, maxWaiting: 1 } }));
  await nextTurn();
  assert.deepEqual(workers.begun, ["a1", "a2"]);
  assert.equal(causeIn(line, "a"), "client_limit");
  await workers.drain();
});

Deno.test("resize() of a fair queue to fewer places lets no idle worker wait for jobs that cannot begin", async () => {
  const line = createFairLine(sizeOf(3, 8, { a: { maxRunning: 1 }, b: {} }));
  const workers = startWorkers(line, 3);
  for (let count = 1; count <= 9; count++) submit(line, `a${count}`);
  await nextTurn();
  line.resize(sizeOf(3, 0, { a: { maxRunning: 1 }, b: {} }));
  submit(line, "b1");
  await nextTurn();
  assert.deepEqual(workers.begun, ["a1", "b1"]);
  await workers.drain();
});

Deno.test("resize() of a fair queue without a client whose jobs wait for each other lets an idle worker run those of others", async () => {
  const limits = { maxRunning: 1 };
  const line = createFairLine(sizeOf(2, 1, { gone: limits, b: {} }));
  const workers = startWorkers(line, 2);
  placeIn(line, "gone").fill(specOf("g1"));
  await nextTurn();
  for (const id of ["g2", "g3"]) placeIn(line, "gone").fill(specOf(id));
  line.resize(sizeOf(2, 1, { b: {} }));
  submit(line, "b1");
  await nextTurn();
  assert.deepEqual(workers.begun, ["g1", "b1"], "all shared places are taken");
  await workers.drain();
});

Deno.test("mostWaiting() is the number of places and lanes", () => {
  assert.equal(mostWaiting(sizeOf(3, 30, { a: {}, b: {} })), 32);
  assert.equal(mostWaiting({ places: 30 }), 30);
});
