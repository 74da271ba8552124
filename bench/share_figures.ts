/**
 * Our server beside the bare one: how close small jobs come to what the runtime allows.
 *
 * @module
 */

import { type Figure, figure } from "./figure.ts";
import { divided, sumOf, type Turn } from "./turns.ts";

/** The turns of one server in one round. */
export interface ServerTurns {
  /** With all clients. */
  readonly busy: readonly Turn[];
  /** With one client. */
  readonly calm: readonly Turn[];
}

/** The turns of all servers in one round. */
export interface ShareRound {
  /** The bare server. */
  readonly bare: ServerTurns;
  /** Ours without sessions of their own for its processes. */
  readonly off: ServerTurns;
  /** Ours as it is by default, with them. */
  readonly on: ServerTurns;
}

const ours = [
  { side: "off", title: "own session off" },
  { side: "on", title: "own session on" },
] as const;

/** The figures of some rounds. Ratios are those of each round, so that a machine's drift cancels out. */
export function shareFigures(rounds: readonly ShareRound[]): Figure[] {
  const sides = rounds.map(({ bare, off, on }) => ({
    bare: sideOf(bare),
    off: sideOf(off),
    on: sideOf(on),
  }));
  const ofBare = (key: keyof Side) => sides.map(({ bare }) => bare[key]);
  return [
    ...figure(
      { name: "bareJobsPerSec", label: "bare server, jobs per second", digits: 0 },
      ofBare("jobsPerSec"),
    ),
    ...figure(
      { name: "bareCpuMsPerJob", label: "bare server, own CPU per job, ms", digits: 3 },
      ofBare("cpuMsPerJob"),
    ),
    ...figure(
      { name: "bareP50Ms", label: "bare server, p50 at 1 client, ms", digits: 2 },
      ofBare("calmP50Ms"),
    ),
    ...ours.flatMap(({ side, title }) => {
      const ratio = (key: keyof Side) =>
        sides.map((sums) => divided(sums[side][key], sums.bare[key]));
      return [
        ...figure(
          {
            name: `${side}JobsRatio`,
            label: `${title}, jobs per second / bare`,
            digits: 2,
            goal: { atLeast: 0.9 },
          },
          ratio("jobsPerSec"),
        ),
        ...figure(
          {
            name: `${side}CpuRatio`,
            label: `${title}, own CPU per job / bare`,
            digits: 2,
            goal: { atMost: 1.25 },
          },
          ratio("cpuMsPerJob"),
        ),
        ...figure(
          {
            name: `${side}P50Ratio`,
            label: `${title}, p50 at 1 client / bare`,
            digits: 2,
            goal: { atMost: 1.1 },
          },
          ratio("calmP50Ms"),
        ),
      ];
    }),
  ];
}

/** One server in one round; undefined is what this machine cannot measure. */
interface Side {
  readonly jobsPerSec: number;
  readonly cpuMsPerJob: number | undefined;
  /** Half of the answers to one client took no longer, in the mean of its turns. */
  readonly calmP50Ms: number;
}

function sideOf({ busy, calm }: ServerTurns): Side {
  const calmMs = calm.reduce((sum, { latencyP50Ms }) => sum + latencyP50Ms, 0);
  return { ...sumOf(busy), calmP50Ms: calmMs / calm.length };
}
