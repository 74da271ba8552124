import assert from "node:assert/strict";
import { compareFigures, compareLayers } from "../../bench/comparison.ts";
import { BenchFailure } from "../../bench/failure.ts";
import type { Both, Sample } from "../../bench/pair.ts";
import { medianInterval, quartilesOf } from "../../bench/statistics.ts";
import { estimateOf, lossesOf, verdictOf } from "../../bench/verdict.ts";

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

Deno.test("medianInterval() returns the values that the tables of the sign test name", () => {
  // Ranks of the lower end, from tables of the sign test at 5 %, two-sided.
  const ranks = [[6, 1], [8, 1], [9, 2], [12, 3], [15, 4], [20, 6], [25, 8], [30, 10], [50, 18]];
  for (const [count = 0, rank = 0] of ranks) {
    const expected = { low: rank, high: count + 1 - rank };
    assert.deepEqual(medianInterval(upTo(count).reverse()), expected, `${count} values`);
  }
  const { low = 0, high = 0 } = medianInterval(upTo(1000)) ?? {};
  assert.deepEqual([low, high], [469, 532]);
});

Deno.test("medianInterval() returns no interval of 95 % for fewer than 6 values", () => {
  for (const count of [0, 1, 5]) assert.equal(medianInterval(upTo(count)), undefined);
});

Deno.test("quartilesOf() returns the bounds of the middle half", () => {
  assert.deepEqual(quartilesOf(upTo(20)), { low: 5, high: 15 });
  assert.deepEqual(quartilesOf([7]), { low: 7, high: 7 });
});

Deno.test("verdictOf() returns a verdict only when the whole interval is on one side of 3 %", () => {
  const verdict = (low: number, median: number, high: number, better: "more" | "less" = "less") =>
    verdictOf({ median, quartiles: { low, high }, interval: { low, high } }, better);
  assert.equal(verdict(0.98, 1.00, 1.02), "within");
  assert.equal(verdict(1.01, 1.02, 1.03 - 1e-9), "within");
  assert.equal(verdict(0.90, 0.96, 1.01), "within");
  assert.equal(verdict(0.96, 0.98, 0.99), "within");
  assert.equal(verdict(1.04, 1.06, 1.10), "dearer");
  assert.equal(verdict(1.02, 1.06, 1.10), "undecided");
  assert.equal(verdict(0.80, 1.00, 1.20), "undecided");
  assert.equal(verdict(0.90, 0.95, 0.99), "better");
  // More is better: a ratio below 1 is a loss.
  assert.equal(verdict(0.90, 0.94, 0.96, "more"), "dearer");
  assert.equal(verdict(1.04, 1.06, 1.10, "more"), "better");
  assert.equal(verdict(0.98, 1.00, 1.50, "more"), "within");
  assert.equal(verdict(0.95, 1.00, 1.05, "more"), "undecided");
  assert.equal(verdictOf(estimateOf([1, 1, 1, 1, 1]), "less"), "undecided");
});

Deno.test("lossesOf() returns losses in ascending order, whether more or less is better", () => {
  assert.deepEqual(lossesOf({ low: 0.5, high: 2 }, "less"), { low: -0.5, high: 1 });
  assert.deepEqual(lossesOf({ low: 0.5, high: 2 }, "more"), { low: -1, high: 0.5 });
});

const sample = (changes: Partial<Sample> = {}): Sample => ({
  jobsPerSec: 1000,
  cpuMsPerJob: 0.5,
  latencyP50Ms: 2,
  idleMb: 80,
  afterMb: 100,
  layers: {},
  missing: [],
  ...changes,
});

/** Rounds on a machine that keeps getting slower, by more than the versions differ. */
function driftingRounds(current: (slowness: number) => Sample): Both<Sample>[] {
  return upTo(20).map((slowness) => ({
    base: sample({ cpuMsPerJob: 0.5 * slowness, jobsPerSec: 1000 / slowness }),
    current: current(slowness),
  }));
}

Deno.test("compareFigures() compares round by round, so that drift cancels out", () => {
  const figures = compareFigures(
    driftingRounds((slowness) =>
      sample({ cpuMsPerJob: 0.55 * slowness, jobsPerSec: 1000 / slowness, afterMb: 90 })
    ),
  );
  assert.deepEqual(
    figures.map(({ row, verdict, ratio }) => [row.name, verdict, ratio.median.toFixed(3)]),
    [
      ["jobsPerSec", "within", "1.000"],
      ["cpuMsPerJob", "dearer", "1.100"],
      ["latencyP50Ms", "within", "1.000"],
      ["idleMb", "within", "1.000"],
      ["afterMb", "better", "0.900"],
    ],
  );
});

Deno.test("compareFigures() omits a figure that was not measured and fails on one that was 0", () => {
  const without = sample({ cpuMsPerJob: undefined, idleMb: undefined, afterMb: undefined });
  const rounds = upTo(20).map(() => ({ base: without, current: without }));
  assert.deepEqual(compareFigures(rounds).map(({ row }) => row.name), [
    "jobsPerSec",
    "latencyP50Ms",
  ]);
  const zero = driftingRounds(() => sample({ cpuMsPerJob: 0 }));
  assert.throws(() => compareFigures(zero), BenchFailure);
});

Deno.test("compareLayers() returns a difference in microseconds, or only this version's figure", () => {
  const rounds = driftingRounds((slowness) => sample({ layers: { line: 2, parse: slowness } }))
    .map(({ base, current }) => ({ base: { ...base, layers: { line: 1.5 } }, current }));
  const [line, parse] = compareLayers(rounds);
  assert.deepEqual(line?.medians, { base: 1.5, current: 2 });
  assert.equal(line?.difference?.median, 0.5);
  assert.deepEqual(parse, {
    name: "parse",
    medians: { base: undefined, current: 10.5 },
    difference: undefined,
  });
});
