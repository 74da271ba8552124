import assert from "node:assert/strict";
import { TimeLimit } from "../../src/exec/time_limit.ts";
import { createStop, type Stop } from "../../src/jobs/stop.ts";

/** Resolves when the end of a run is requested. */
function requested(stop: Stop): Promise<void> {
  return new Promise((resolve) => stop.onRequest(resolve));
}

Deno.test("msOf() of a TimeLimit is the shorter limit in whole milliseconds, at least 1", () => {
  assert.equal(new TimeLimit(Infinity).msOf(undefined), Infinity);
  assert.equal(new TimeLimit(Infinity).msOf(0.0001), 1);
  assert.equal(new TimeLimit(Infinity).msOf(1e9), 2_147_483_000);
  const limit = new TimeLimit(1500.4);
  assert.deepEqual([undefined, 1, 1.5, 2].map((sec) => limit.msOf(sec)), [1500, 1000, 1500, 1500]);
});

Deno.test("start() of a TimeLimit requests the end of each run after its own time, not before", async () => {
  const limit = new TimeLimit(20);
  const begin = performance.now();
  const ends = [undefined, undefined, 0.01].map(async (askedSec) => {
    const stop = createStop();
    const ms = limit.msOf(askedSec);
    limit.start(ms, stop);
    await requested(stop);
    assert.equal(stop.cause, "timed_out");
    assert.ok(Math.ceil(performance.now() - begin) >= ms);
    return ms;
  });
  assert.deepEqual(await Promise.all(ends), [20, 20, 10]);
});

Deno.test("start() of a TimeLimit leaves no timer, for which this test would fail, once all runs have ended", () => {
  const limit = new TimeLimit(60_000);
  const unlimited = new TimeLimit(Infinity);
  for (let round = 0; round < 2; round++) {
    const [first, second] = [createStop(), createStop()];
    const ends = [
      limit.start(limit.msOf(undefined), first),
      limit.start(limit.msOf(undefined), second),
      limit.start(limit.msOf(30), second),
      unlimited.start(Infinity, first),
    ];
    for (const end of ends) end();
    assert.equal(first.cause ?? second.cause, undefined);
  }
});
