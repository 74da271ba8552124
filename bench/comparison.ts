/**
 * The result of a comparison, figure by figure.
 *
 * @module
 */

import { BenchFailure } from "./failure.ts";
import type { FigureRow } from "./figure.ts";
import type { Both, Sample } from "./pair.ts";
import { medianOf } from "./statistics.ts";
import { type Estimate, estimateOf, type Verdict, verdictOf } from "./verdict.ts";

/** A figure of both versions. */
export interface Compared {
  /** How it is called and shown. */
  readonly row: FigureRow;
  /** Whether more or less of it is better. */
  readonly better: "more" | "less";
  /** The medians of all rounds. */
  readonly medians: Both<number>;
  /** Of the ratios current ÷ base, each of two values of the same round. */
  readonly ratio: Estimate;
  /** The verdict on it. */
  readonly verdict: Verdict;
}

/** A layer alone, in microseconds a call. */
export interface ComparedLayer {
  /** Its name. */
  readonly name: string;
  /** The medians of all rounds; that of the base is undefined when it cannot measure the layer. */
  readonly medians: { readonly base: number | undefined; readonly current: number };
  /** Of the differences current − base, each of two values of the same round. */
  readonly difference: Estimate | undefined;
}

const rows = [
  { name: "jobsPerSec", label: "jobs per second", digits: 0, better: "more" },
  { name: "cpuMsPerJob", label: "own CPU per job, ms", digits: 3, better: "less" },
  { name: "latencyP50Ms", label: "p50 at one client, ms", digits: 2, better: "less" },
  { name: "idleMb", label: "memory idle, MB", digits: 1, better: "less" },
  { name: "afterMb", label: "memory after the jobs, MB", digits: 1, better: "less" },
] as const satisfies readonly (FigureRow & {
  readonly name: keyof Sample;
  readonly better: "more" | "less";
})[];

/**
 * The figures that this machine can measure. Throws a `BenchFailure` when one was too small to be
 * measured.
 */
export function compareFigures(rounds: readonly Both<Sample>[]): Compared[] {
  return rows.flatMap(({ better, ...row }) => {
    const pairs = pairsOf(rounds, (sample) => sample[row.name]);
    if (pairs.length === 0) return [];
    if (pairs.some(({ base, current }) => base === 0 || current === 0)) {
      throw new BenchFailure(`${row.label}: 0 in one round: more jobs are needed (BENCH_JOBS)`);
    }
    const ratio = estimateOf(pairs.map(({ base, current }) => current / base));
    return [{ row, better, medians: mediansOf(pairs), ratio, verdict: verdictOf(ratio, better) }];
  });
}

/** The layers that this version can measure. */
export function compareLayers(rounds: readonly Both<Sample>[]): ComparedLayer[] {
  return Object.keys(rounds[0]?.current.layers ?? {}).map((name) => {
    const pairs = pairsOf(rounds, ({ layers }) => layers[name]);
    if (pairs.length === 0) {
      const values = rounds.flatMap(({ current }) => current.layers[name] ?? []);
      return {
        name,
        medians: { base: undefined, current: medianOf(values) },
        difference: undefined,
      };
    }
    const difference = estimateOf(pairs.map(({ base, current }) => current - base));
    return { name, medians: mediansOf(pairs), difference };
  });
}

/** One value of each round, where both sides have it. */
function pairsOf(
  rounds: readonly Both<Sample>[],
  valueOf: (sample: Sample) => number | undefined,
): Both<number>[] {
  return rounds.flatMap((round) => {
    const [base, current] = [valueOf(round.base), valueOf(round.current)];
    return base === undefined || current === undefined ? [] : [{ base, current }];
  });
}

function mediansOf(pairs: readonly Both<number>[]): Both<number> {
  return {
    base: medianOf(pairs.map(({ base }) => base)),
    current: medianOf(pairs.map(({ current }) => current)),
  };
}
