/**
 * A warm command beside a cold one.
 *
 * @module
 */

import { type Figure, figure } from "./figure.ts";
import { divided, sumOf, type Turn, type TurnsSum } from "./turns.ts";

/** The turns of both commands in one round. */
export interface WarmRound {
  /** The command whose processes are started for their jobs. */
  readonly cold: readonly Turn[];
  /** The command whose process stays for the next job. */
  readonly keep: readonly Turn[];
}

/** The figures of some rounds. Ratios are those of each round, so that a machine's drift cancels out. */
export function warmFigures(rounds: readonly WarmRound[]): Figure[] {
  const sides = rounds.map(({ cold, keep }) => ({ cold: sumOf(cold), keep: sumOf(keep) }));
  const of = (side: keyof WarmRound, key: keyof TurnsSum) => sides.map((sums) => sums[side][key]);
  const ratio = (key: keyof TurnsSum) =>
    sides.map(({ cold, keep }) => divided(keep[key], cold[key]));
  return [
    ...figure(
      { name: "coldJobsPerSec", label: "cold, jobs per second", digits: 0 },
      of("cold", "jobsPerSec"),
    ),
    ...figure(
      { name: "keepJobsPerSec", label: "keep, jobs per second", digits: 0 },
      of("keep", "jobsPerSec"),
    ),
    ...figure(
      { name: "jobsRatio", label: "jobs per second / cold", digits: 2, goal: { atLeast: 3 } },
      ratio("jobsPerSec"),
    ),
    ...figure(
      { name: "coldCpuMsPerJob", label: "cold, server's own CPU per job, ms", digits: 3 },
      of("cold", "cpuMsPerJob"),
    ),
    ...figure(
      { name: "keepCpuMsPerJob", label: "keep, server's own CPU per job, ms", digits: 3 },
      of("keep", "cpuMsPerJob"),
    ),
    ...figure(
      { name: "cpuRatio", label: "own CPU per job / cold", digits: 2, goal: { atMost: 0.4 } },
      ratio("cpuMsPerJob"),
    ),
    ...figure(
      { name: "keepP50Ms", label: "keep, latency p50, ms", digits: 2 },
      rounds.flatMap(({ keep }) => keep.map(({ latencyP50Ms }) => latencyP50Ms)),
    ),
    ...figure(
      { name: "keepP99Ms", label: "keep, latency p99, ms", digits: 2 },
      rounds.flatMap(({ keep }) => keep.map(({ latencyP99Ms }) => latencyP99Ms)),
    ),
  ];
}
