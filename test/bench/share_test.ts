import assert from "node:assert/strict";
import { type ServerTurns, shareFigures, type ShareRound } from "../../bench/share_figures.ts";
import type { Turn } from "../../bench/turns.ts";

const turn = (changes: Partial<Turn> = {}): Turn => ({
  jobs: 100,
  seconds: 1,
  cpuMsPerJob: 0.25,
  latencyP50Ms: 2,
  latencyP99Ms: 4,
  ...changes,
});

const server = (changes: Partial<Turn> = {}): ServerTurns => ({
  busy: [turn(changes)],
  calm: [turn(changes)],
});

const figuresOf = (rounds: readonly ShareRound[]) =>
  Object.fromEntries(shareFigures(rounds).map((figure) => [figure.name, figure]));

Deno.test("shareFigures() judges both of our servers by their ratios to the bare one", () => {
  const figures = figuresOf([{
    bare: server(),
    off: server({ seconds: 1.25, cpuMsPerJob: 0.3125, latencyP50Ms: 2.125 }),
    on: server({ jobs: 95, cpuMsPerJob: 0.5, latencyP50Ms: 3 }),
  }]);
  assert.deepEqual(
    Object.values(figures).map(({ name, median, met }) => [name, median, met]),
    [
      ["bareJobsPerSec", 100, undefined],
      ["bareCpuMsPerJob", 0.25, undefined],
      ["bareP50Ms", 2, undefined],
      ["offJobsRatio", 0.8, false],
      ["offCpuRatio", 1.25, true],
      ["offP50Ratio", 1.0625, true],
      ["onJobsRatio", 0.95, true],
      ["onCpuRatio", 2, false],
      ["onP50Ratio", 1.5, false],
    ],
  );
});

Deno.test("shareFigures() takes throughput and CPU from all clients' turns, and p50 from one client's", () => {
  const bare = {
    busy: [turn({ seconds: 1 }), turn({ seconds: 3, cpuMsPerJob: 0.75 })],
    calm: [turn({ latencyP50Ms: 1 }), turn({ latencyP50Ms: 2 })],
  };
  const figures = figuresOf([{ bare, off: server(), on: server() }]);
  assert.equal(figures["bareJobsPerSec"]?.median, 50);
  assert.equal(figures["bareCpuMsPerJob"]?.median, 0.5);
  assert.equal(figures["bareP50Ms"]?.median, 1.5);
});

Deno.test("shareFigures() compares round by round, so that drift cancels out", () => {
  const rounds = [1, 2, 10].map((slowness) => ({
    bare: server({ seconds: slowness, cpuMsPerJob: slowness, latencyP50Ms: slowness }),
    off: server({ seconds: slowness * 2, cpuMsPerJob: slowness * 2, latencyP50Ms: slowness * 2 }),
    on: server({ seconds: slowness * 4, cpuMsPerJob: slowness * 4, latencyP50Ms: slowness * 4 }),
  }));
  const ratios = shareFigures(rounds).filter(({ name }) => name.endsWith("Ratio"));
  assert.deepEqual(
    ratios.map(({ min, max }) => [min, max]),
    [[0.5, 0.5], [2, 2], [2, 2], [0.25, 0.25], [4, 4], [4, 4]],
  );
});

Deno.test("shareFigures() omits the CPU where it was not measured", () => {
  const unknown = server({ cpuMsPerJob: undefined });
  const names = Object.keys(figuresOf([{ bare: unknown, off: unknown, on: unknown }]));
  assert.deepEqual(names.filter((name) => name.includes("Cpu")), []);
  assert.equal(names.length, 6);
});
