/**
 * A comparison as tables and sentences for people.
 *
 * @module
 */

import type { Compared, ComparedLayer } from "./comparison.ts";
import { percent, table } from "./report.ts";
import type { Interval } from "./statistics.ts";
import { lossesOf, lossOf, tolerance } from "./verdict.ts";

/** The tables, what the interval means, and the verdict of each figure. */
export function renderComparison(
  figures: readonly Compared[],
  layers: readonly ComparedLayer[],
): string {
  const figureRows = figures.map(({ row: { label, digits }, better, medians, ratio }) => [
    label,
    `${better} is better`,
    medians.base.toFixed(digits),
    medians.current.toFixed(digits),
    ratio.median.toFixed(3),
    rangeText(ratio.quartiles, 3),
    rangeText(ratio.interval, 3),
  ]);
  const layerRows = layers.map(({ name, medians: { base, current }, difference }) => [
    name,
    "less is better",
    base?.toFixed(2) ?? "not in the base",
    current.toFixed(2),
    ...(difference
      ? [
        difference.median.toFixed(2),
        rangeText(difference.quartiles, 2),
        rangeText(difference.interval, 2),
      ]
      : []),
  ]);
  const spread = ["quartiles", "95 % interval"];
  return [
    ...table([["", "", "base", "this", "this / base", ...spread], ...figureRows]),
    "",
    ...table([["layer alone, µs", "", "base", "this", "this - base", ...spread], ...layerRows]),
    "",
    "base and this: medians of the rounds. Ratio and difference: the median of one per round; half of",
    "the rounds lie between the quartiles; the interval holds the true median with a probability of",
    "at least 95 %, however the rounds are distributed (its ends are the values of two rounds).",
    "",
    ...figures.map((figure) => `${figure.row.label}: ${verdictText(figure)}.`),
  ].join("\n");
}

function rangeText(interval: Interval | undefined, digits: number): string {
  if (!interval) return "unknown";
  return `${interval.low.toFixed(digits)} to ${interval.high.toFixed(digits)}`;
}

function verdictText({ verdict, better, ratio: { median, interval } }: Compared): string {
  const loss = lossOf(median, better);
  const losses = interval && lossesOf(interval, better);
  switch (verdict) {
    case "dearer":
      return `dearer by ${percent(loss)}`;
    case "better":
      return `better by ${percent(-loss)}`;
    case "within":
      return `within ${toleranceText}`;
    case "undecided":
      return "cannot tell: " +
        (losses
          ? `the interval, from ${shownLoss(losses.low)} to ${shownLoss(losses.high)}, includes ` +
            `${toleranceText} dearer`
          : "too few rounds");
  }
}

const toleranceText = `${tolerance * 100} %`;

function shownLoss(loss: number): string {
  return loss < 0 ? `${percent(-loss)} better` : `${percent(loss)} dearer`;
}
