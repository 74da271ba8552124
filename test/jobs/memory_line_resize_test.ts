import assert from "node:assert/strict";
import type { LineSize, Place } from "../../src/jobs/line.ts";
import { createMemoryLine, type MemoryLine } from "../../src/jobs/memory_line.ts";
import { ranOf, specOf } from "../support/jobs.ts";

function sizeOf(workers: number, places: number, queueTimeoutMs = Infinity): LineSize {
  return { workers, places, queueTimeoutMs };
}

/** Reserves places until there is none, and returns them. */
function reserveAll(line: MemoryLine): Place[] {
  const places: Place[] = [];
  for (;;) {
    const place = line.reserve({ command: "default" });
    if (!place.reserved) {
      assert.equal(place.cause, "queue_full");
      return places;
    }
    places.push(place);
  }
}

function submit(line: MemoryLine, id: string) {
  const place = line.reserve({ command: "default" });
  assert.ok(place.reserved);
  return place.fill(specOf(id));
}

const sizes: [before: [number, number], after: [number, number]][] = [
  [[1, 0], [1, 1]],
  [[1, 0], [2, 0]],
  [[2, 3], [3, 5]],
  [[2, 1], [1, 3]],
  [[1, 2], [3, 0]],
];

for (const [before, after] of sizes) {
  const [from, to] = [before.join(" + "), after.join(" + ")];
  Deno.test(`resize() of a queue from ${from} to ${to} admits at once what the new bound allows`, () => {
    const line = createMemoryLine(sizeOf(...before));
    const most = before[0] + before[1];
    const newMost = after[0] + after[1];
    assert.equal(reserveAll(line).length, most);
    line.resize(sizeOf(...after));
    assert.equal(reserveAll(line).length, newMost - most);
    assert.equal(line.waiting, newMost);
  });

  Deno.test(`resize() of a queue from ${to} to ${from} drops nothing, and admits once fewer are unfinished`, async () => {
    const line = createMemoryLine(sizeOf(...after));
    const outcomes = reserveAll(line).map((place, index) => place.fill(specOf(String(index))));
    line.resize(sizeOf(...before));
    const most = before[0] + before[1];
    for (const [index, outcome] of outcomes.entries()) {
      const unfinished = outcomes.length - index;
      assert.equal(line.waiting, unfinished);
      const places = reserveAll(line);
      assert.equal(places.length, Math.max(0, most - unfinished));
      for (const place of places) place.leave();
      const lease = await line.take();
      assert.equal(lease?.spec.id, String(index));
      lease?.settle(ranOf(lease.spec));
      assert.equal((await outcome).kind, "ran");
    }
    assert.equal(reserveAll(line).length, most);
  });
}

for (
  const [before, after, left] of [
    [1, Infinity, "early"],
    [1, 600_000, "early"],
    [Infinity, 1, "late"],
    [600_000, 1, "late"],
  ] as const
) {
  Deno.test(`resize() of a queue from ${before} to ${after} ms lets only the ${left} job time out`, async () => {
    const line = createMemoryLine(sizeOf(1, 1, before));
    const early = submit(line, "early");
    line.resize(sizeOf(1, 1, after));
    const late = submit(line, "late");
    const [over, waits] = left === "early" ? [early, late] : [late, early];
    const outcome = await over;
    assert.equal(outcome.kind === "left" && outcome.cause, "queue_timeout");
    assert.equal(line.waiting, 1);
    line.cut();
    const other = await waits;
    assert.equal(other.kind === "left" && other.cause, "shutdown");
  });
}

Deno.test("resize() of a queue lets each waiting job keep its timeout, however often the timeout changes", async () => {
  const line = createMemoryLine(sizeOf(1, 3, 600_000));
  const outcomes = [submit(line, "a")];
  for (const [id, ms] of [["b", 1], ["c", 700_000], ["d", 600_000]] as const) {
    line.resize(sizeOf(1, 3, ms));
    outcomes.push(submit(line, id));
  }
  assert.equal((await outcomes[1])?.kind, "left");
  assert.equal(line.waiting, 3);
  line.cut();
  // The sanitizers fail the test if a timer is left.
  await Promise.all(outcomes);
});

Deno.test("resize() of a queue keeps no timer of an earlier timeout with which no job waits", async () => {
  const line = createMemoryLine(sizeOf(1, 0, 600_000));
  const outcome = submit(line, "a");
  const lease = await line.take();
  lease?.settle(ranOf(lease.spec));
  await outcome;
  line.resize(sizeOf(1, 0));
});

Deno.test("resize() of a queue gives a released job the new timeout", async () => {
  const line = createMemoryLine(sizeOf(1, 0));
  const outcome = submit(line, "a");
  const lease = await line.take();
  line.resize(sizeOf(1, 0, 1));
  lease?.release();
  const left = await outcome;
  assert.equal(left.kind === "left" && left.cause, "queue_timeout");
});

Deno.test("retryAfterSec() counts with the new number of workers after resize()", async () => {
  let clock = 0;
  const line = createMemoryLine(sizeOf(1, 0), () => clock);
  const outcome = submit(line, "a");
  const lease = await line.take();
  clock = 12_000;
  lease?.settle(ranOf(lease.spec));
  await outcome;
  assert.equal(line.retryAfterSec(), 12);
  line.resize(sizeOf(3, 0));
  assert.equal(line.retryAfterSec(), 4, "12 s × 1 ÷ 3");
});

Deno.test("resize() of a closed queue gives no place", () => {
  const line = createMemoryLine(sizeOf(1, 0));
  line.close();
  line.resize(sizeOf(5, 5));
  const refusal = line.reserve({ command: "default" });
  assert.ok(!refusal.reserved && refusal.cause === "draining");
});
