/**
 * Ratios of an earlier run, and how they have changed since.
 *
 * @module
 */

import { BenchFailure } from "./failure.ts";
import { type FigureRow } from "./figure.ts";
import type { Machine } from "./machine.ts";
import type { Round } from "./round.ts";
import { spreadOf } from "./statistics.ts";

/** What is compared: figures that a faster or slower machine changes little. */
export interface Ratios {
  /** Jobs per second as a share of the floor's spawns per second. More is better. */
  readonly jobsToFloor: number;
  /** The server's own CPU per job as a share of the floor's time per spawn. Less is better. */
  readonly cpuToSpawn: number;
}

/** What `baseline.json` holds. */
export interface Baseline {
  /** When, in ISO 8601. */
  readonly at: string;
  /** Version of jobrunner. */
  readonly jobrunner: string;
  /** Version of Deno. */
  readonly deno: string;
  /** Where. */
  readonly machine: Machine;
  /** Medians of the rounds. */
  readonly ratios: Ratios;
}

/** The share of a ratio that may be lost: runs of the same program vary by less. */
export const tolerated = 0.15;

/** Both ratios, for people and for tables. */
export const ratioRows = [
  { name: "jobsToFloor", label: "jobs per second / floor", digits: 3, better: "more" },
  {
    name: "cpuToSpawn",
    label: "own CPU per job / floor's time per spawn",
    digits: 3,
    better: "less",
  },
] as const satisfies readonly (FigureRow & {
  readonly name: keyof Ratios;
  readonly better: "more" | "less";
})[];

/** The ratios of one round. Throws a `BenchFailure` when this machine cannot measure them. */
export function ratiosOf({ ratioToFloor, floorPerSec, cpuMsPerJob }: Round): Ratios {
  if (ratioToFloor === undefined || floorPerSec === undefined || cpuMsPerJob === undefined) {
    throw new BenchFailure("nothing can be compared: own CPU per job needs Linux's /proc");
  }
  return { jobsToFloor: ratioToFloor, cpuToSpawn: cpuMsPerJob * floorPerSec / 1000 };
}

/** The median of each ratio. */
export function medianOf(rounds: readonly Ratios[]): Ratios {
  const median = (name: keyof Ratios) => spreadOf(rounds.map((round) => round[name]))?.median ?? 0;
  return { jobsToFloor: median("jobsToFloor"), cpuToSpawn: median("cpuToSpawn") };
}

/** The share of each ratio that was lost since the baseline; negative is a gain. */
export function losses(now: Ratios, then: Ratios): Ratios {
  return {
    jobsToFloor: 1 - now.jobsToFloor / then.jobsToFloor,
    cpuToSpawn: now.cpuToSpawn / then.cpuToSpawn - 1,
  };
}

/** Reads a baseline. Throws a `BenchFailure` when there is none. */
export function readBaseline(file: string): Baseline {
  let text: string;
  try {
    text = Deno.readTextFileSync(file);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new BenchFailure(
      `there is no baseline ${file}: make bench-check BENCH_UPDATE=1 writes one`,
    );
  }
  try {
    const baseline = JSON.parse(text) as Baseline;
    if (ratioRows.every(({ name }) => baseline.ratios[name] > 0)) return baseline;
  } catch {
    // Reported below.
  }
  throw new BenchFailure(`the baseline ${file} is damaged: it holds no ratios`);
}

/** Sentences about what was different when the baseline was written. */
export function differences(now: Baseline, then: Baseline): string[] {
  const pairs = [
    ["Deno", now.deno, then.deno],
    ["the CPU", now.machine.cpu, then.machine.cpu],
    ["the number of cores", now.machine.cores, then.machine.cores],
  ] as const;
  return pairs.flatMap(([what, is, was]) =>
    is === was ? [] : [`${what} differs from the baseline's: ${was} then, ${is} now`]
  );
}
