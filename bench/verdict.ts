/**
 * Whether one version of the program is dearer than another one, by ratios that vary.
 *
 * @module
 */

import { type Interval, medianInterval, medianOf, quartilesOf } from "./statistics.ts";

/** The middle of some values, and how sure it is. */
export interface Estimate {
  /** The median. */
  readonly median: number;
  /** The bounds of the middle half of the values. */
  readonly quartiles: Interval;
  /** Where the true median lies: see `medianInterval`. */
  readonly interval: Interval | undefined;
}

/** The estimate of at least one value. */
export function estimateOf(values: readonly number[]): Estimate {
  return {
    median: medianOf(values),
    quartiles: quartilesOf(values),
    interval: medianInterval(values),
  };
}

/** The share that may be lost: a loss of up to this counts as none. */
export const tolerance = 0.03;

/**
 * What the interval says of the share that is lost:
 *
 * - `dearer`: all of it is above the tolerance.
 * - `better`: all of it is a gain, and the median is a gain above the tolerance.
 * - `within`: none of it is above the tolerance.
 * - `undecided`: the tolerance is inside it.
 */
export type Verdict = "dearer" | "better" | "within" | "undecided";

/** Judges a figure by its ratios, each of them new ÷ old. */
export function verdictOf({ median, interval }: Estimate, better: "more" | "less"): Verdict {
  if (!interval) return "undecided";
  const { low, high } = lossesOf(interval, better);
  if (low > tolerance) return "dearer";
  if (high < 0 && lossOf(median, better) < -tolerance) return "better";
  return high <= tolerance ? "within" : "undecided";
}

/** The share that is lost at a ratio; negative is a gain. */
export function lossOf(ratio: number, better: "more" | "less"): number {
  return better === "less" ? ratio - 1 : 1 - ratio;
}

/** The smallest and the largest share that is lost at the ratios of an interval. */
export function lossesOf({ low, high }: Interval, better: "more" | "less"): Interval {
  const [a, b] = [lossOf(low, better), lossOf(high, better)];
  return { low: Math.min(a, b), high: Math.max(a, b) };
}
