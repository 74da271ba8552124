/**
 * Histograms. They are counted here, because an instrument of OpenTelemetry makes a text of the labels for each value.
 *
 * @module
 */

import type { MetricRow } from "./catalogue.ts";

/** Labels by name. */
export type Labels = Readonly<Record<string, string>>;

/** A histogram, whose series come one after another. */
export interface Histogram {
  /** Adds a series, which exists from now on, empty. Call the returned function with each value. */
  add(labels: Labels): (value: number) => void;
}

/** The values of a series so far. */
export interface HistogramSeries {
  /** Its labels. */
  readonly labels: Labels;
  /** Number of values by bucket; the last bucket has no upper bound. */
  readonly counts: readonly number[];
  /** Sum of all values. */
  readonly sum: number;
  /** Number of values. */
  readonly count: number;
}

/** A histogram that can be read. */
export interface ReadableHistogram extends Histogram {
  /** Its row of the catalogue. */
  readonly row: MetricRow;
  /** Whether there is a value. */
  used(): boolean;
  /** All series: those with values in the order in which they got the first, then those without. */
  series(): readonly HistogramSeries[];
}

/** Creates a histogram without any series. */
export function createHistogram(row: MetricRow): ReadableHistogram {
  const { buckets = [] } = row;
  const all: HistogramSeries[] = [];
  const used: HistogramSeries[] = [];
  return {
    row,
    add(labels) {
      const counts = Array<number>(buckets.length + 1).fill(0);
      const series = { labels, counts, sum: 0, count: 0 };
      all.push(series);
      return (value) => {
        if (series.count === 0) used.push(series);
        let bucket = 0;
        while (bucket < buckets.length && value > (buckets[bucket] ?? Infinity)) bucket++;
        counts[bucket] = (counts[bucket] ?? 0) + 1;
        series.sum += value;
        series.count++;
      };
    },
    used: () => used.length > 0,
    series: () => [...used, ...all.filter(({ count }) => count === 0)],
  };
}
