/**
 * Quantiles of the values measured in the last minutes.
 *
 * @module
 */

import type { Quantiles } from "../wire/status.ts";

/** See the module's head. */
export interface Recent {
  /** Adds a value measured now. */
  add(value: number): void;
  /** The values in the window; quantiles are computed by nearest rank. */
  summary(): Quantiles;
}

/** How far back values count. */
export const windowSec = 300;

/** Maximum number of values that are kept: the latest ones. */
export const mostValues = 10_000;

/** Creates an empty window. `now` is a monotonic clock in milliseconds. */
export function createRecent(now: () => number = () => performance.now()): Recent {
  const values = new Float64Array(mostValues);
  const times = new Float64Array(mostValues);
  let added = 0;
  return {
    add(value) {
      const slot = added++ % mostValues;
      values[slot] = value;
      times[slot] = now();
    },
    summary() {
      const since = now() - windowSec * 1000;
      const kept = Math.min(added, mostValues);
      const sorted = values.subarray(0, kept).filter((_, slot) => (times[slot] ?? 0) >= since)
        .sort();
      return {
        count: sorted.length,
        quantile: (q) => sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)],
      };
    },
  };
}
