/**
 * The series of a counter whose last label has a closed set of values.
 *
 * @module
 */

import type { MetricRow } from "./catalogue.ts";
import type { Exposition } from "./exposition.ts";
import type { Labels } from "./histogram.ts";

/** The counts of one set of labels, by the value of the last label. Whoever counts increases them. */
export type Counts<Value extends string> = Record<Value, number>;

/** A counter, whose sets of labels come one after another. */
export interface Counter<Value extends string> {
  /** Adds a set of labels; its series exist from now on, from 0. */
  add(labels: Labels): Counts<Value>;
  /** The sums over all sets of labels, or over those of a command. */
  sums(command?: string): Counts<Value>;
}

/** Creates a counter without any series. `label` is the name of its last label. */
export function createCounter<Value extends string>(
  { observe }: Pick<Exposition, "observe">,
  row: MetricRow,
  label: string,
  values: readonly Value[],
): Counter<Value> {
  const sets: {
    readonly command: string | undefined;
    readonly counts: Counts<Value>;
    readonly series: readonly { readonly value: Value; readonly labels: Labels }[];
  }[] = [];
  const zeros = () => Object.fromEntries(values.map((value) => [value, 0])) as Counts<Value>;
  observe(row, (report) => {
    for (const { counts, series } of sets) {
      for (const { value, labels } of series) report(counts[value], labels);
    }
  });
  return {
    add(labels) {
      const counts = zeros();
      const series = values.map((value) => ({ value, labels: { ...labels, [label]: value } }));
      sets.push({ command: labels["command"], counts, series });
      return counts;
    },
    sums(command) {
      const sums = zeros();
      for (const set of sets) {
        if (command !== undefined && set.command !== command) continue;
        for (const value of values) sums[value] += set.counts[value];
      }
      return sums;
    },
  };
}
