import assert from "node:assert/strict";
import { createRecent, mostValues, windowSec } from "../../src/telemetry/recent.ts";

Deno.test("createRecent() computes quantiles by nearest rank, and none without values", () => {
  const recent = createRecent();
  assert.equal(recent.summary().count, 0);
  assert.equal(recent.summary().quantile(0.5), undefined);
  for (let value = 100; value >= 1; value--) recent.add(value);
  const { count, quantile } = recent.summary();
  assert.equal(count, 100);
  assert.deepEqual([0, 0.5, 0.95, 1].map(quantile), [1, 50, 95, 100]);
});

Deno.test("createRecent() ignores values that are older than the window", () => {
  let now = 0;
  const recent = createRecent(() => now);
  recent.add(9);
  now += windowSec * 1000;
  recent.add(1);
  assert.equal(recent.summary().count, 2);
  now += 1;
  assert.equal(recent.summary().count, 1);
  assert.equal(recent.summary().quantile(1), 1);
});

Deno.test("createRecent() keeps only the latest values", () => {
  const recent = createRecent();
  for (let value = 0; value < mostValues + 5; value++) recent.add(value);
  const { count, quantile } = recent.summary();
  assert.equal(count, mostValues);
  assert.equal(quantile(0), 5);
  assert.equal(quantile(1), mostValues + 4);
});
