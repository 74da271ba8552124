/**
 * From many values to few.
 *
 * @module
 */

/** The middle of some values, and how far they lie apart. */
export interface Spread {
  /** Half of the values are not above it. */
  readonly median: number;
  /** The smallest. */
  readonly min: number;
  /** The largest. */
  readonly max: number;
}

/** The spread of at least one value; undefined without any. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const [min, max] = [sorted.at(0), sorted.at(-1)];
  if (min === undefined || max === undefined) return undefined;
  const middle = (sorted.length - 1) / 2;
  const [below = min, above = max] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]];
  return { median: (below + above) / 2, min, max };
}

/** The middle of at least one value; NaN without any. */
export function medianOf(values: readonly number[]): number {
  return spreadOf(values)?.median ?? NaN;
}

/**
 * The smallest of the values that at least `share` (0 to 1) of them do not exceed; 0 without any.
 * Takes them in ascending order.
 */
export function percentile(ascending: ArrayLike<number>, share: number): number {
  const rank = Math.max(1, Math.ceil(share * ascending.length));
  return ascending[rank - 1] ?? 0;
}

/** Two values, the lower one first. */
export interface Interval {
  /** The lower one. */
  readonly low: number;
  /** The upper one. */
  readonly high: number;
}

/** The bounds of the middle half of at least one value. */
export function quartilesOf(values: readonly number[]): Interval {
  const ascending = values.toSorted((a, b) => a - b);
  return { low: percentile(ascending, 0.25), high: percentile(ascending, 0.75) };
}

/**
 * An interval for the true median of which independent values are a sample: the true median lies
 * between these two of the values with a probability of at least 95 %, however the values are
 * distributed. Undefined for fewer than 6 values, whose smallest and largest do not reach it.
 *
 * A value lies below the true median with probability 1/2, so how many of them do is binomial. The
 * interval begins at the last value that at most 2.5 % of all samples would have above the median,
 * and ends likewise (the interval of the sign test).
 */
export function medianInterval(values: readonly number[]): Interval | undefined {
  const ascending = values.toSorted((a, b) => a - b);
  const { length } = ascending;
  // The probability that exactly `rank` values lie below the median, and that no more do.
  let rank = 0;
  let probability = 0.5 ** length;
  for (let noMore = probability; noMore <= 0.025; noMore += probability) {
    probability *= (length - rank) / (rank + 1);
    rank++;
  }
  const [low, high] = [ascending[rank - 1], ascending[length - rank]];
  return low === undefined || high === undefined ? undefined : { low, high };
}
