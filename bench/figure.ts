/**
 * What was measured, one figure at a time, and what it should be.
 *
 * @module
 */

import { type Spread, spreadOf } from "./statistics.ts";

/** One measured thing. */
export interface Figure extends Spread {
  /** Its name in `results.json`. */
  readonly name: string;
  /** Its name for people, with the unit. */
  readonly label: string;
  /** Digits after the point in the table. */
  readonly digits: number;
  /** How often it was measured. */
  readonly values: number;
  /** What the median should be. */
  readonly goal?: Goal;
  /** Whether it is. */
  readonly met?: boolean;
}

/** The largest or the smallest good value. */
export type Goal = { readonly atMost: number } | { readonly atLeast: number };

/** Bytes in a megabyte: memory is given in these, as in the goals. */
export const megabyte = 1e6;

/** How a figure is called and shown. */
export interface FigureRow {
  /** Its name in `results.json`. */
  readonly name: string;
  /** Its name for people, with the unit. */
  readonly label: string;
  /** Digits after the point. */
  readonly digits: number;
  /** What the median should be. */
  readonly goal?: Goal;
}

/**
 * The figure of some values, in a list so that it may be absent: the list is empty without any value,
 * or when this machine cannot measure one of them (undefined).
 */
export function figure(row: FigureRow, values: readonly (number | undefined)[]): Figure[] {
  const known = values.filter((value) => value !== undefined);
  const spread = known.length === values.length ? spreadOf(known) : undefined;
  if (!spread) return [];
  const judged = row.goal ? { met: meets(spread.median, row.goal) } : {};
  return [{ ...row, ...spread, values: known.length, ...judged }];
}

/** As the table shows it: “≤ 0.40”. */
export function goalText(goal: Goal): string {
  return "atMost" in goal ? `≤ ${goal.atMost}` : `≥ ${goal.atLeast}`;
}

function meets(value: number, goal: Goal): boolean {
  return "atMost" in goal ? value <= goal.atMost : value >= goal.atLeast;
}
