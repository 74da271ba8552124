import assert from "node:assert/strict";
import { createHistogram } from "../../src/telemetry/histogram.ts";

const row = {
  name: "sizes",
  type: "histogram",
  unit: "bytes",
  labels: {},
  help: "Sizes.",
  example: "sizes_count",
  buckets: [0, 16, 64],
} as const;

Deno.test("createHistogram() counts a value in the first bucket whose bound is not below it", () => {
  const histogram = createHistogram(row);
  const record = histogram.add({});
  for (const value of [0, 1, 16, 17, 64, 65, 1e9]) record(value);
  assert.deepEqual(histogram.series(), [
    { labels: {}, counts: [1, 2, 2, 2], sum: 1e9 + 163, count: 7 },
  ]);
});

Deno.test("createHistogram() has each series once: used ones by their first value, then the others", () => {
  const histogram = createHistogram(row);
  const [, second, third] = ["a", "b", "c"].map((name) => histogram.add({ name }));
  const names = () => histogram.series().map(({ labels }) => labels["name"]);
  assert.equal(histogram.used(), false);
  assert.deepEqual(names(), ["a", "b", "c"]);
  third?.(1);
  second?.(1);
  third?.(1);
  assert.equal(histogram.used(), true);
  assert.deepEqual(names(), ["c", "b", "a"]);
});
