/**
 * A server whose clients have tokens beside one without tokens: what the tokens and the fair queue cost.
 *
 * @module
 */

import { type Figure, figure } from "./figure.ts";
import { divided, sumOf, type Turn, type TurnsSum } from "./turns.ts";

/** The turns of both servers in one round. */
export interface TokensRound {
  /** Without tokens: first in, first out. */
  readonly open: readonly Turn[];
  /** With tokens: a fair queue. */
  readonly tokens: readonly Turn[];
}

/** The figures of some rounds. Ratios are those of each round, so that a machine's drift cancels out. */
export function tokenFigures(rounds: readonly TokensRound[]): Figure[] {
  const sides = rounds.map(({ open, tokens }) => ({ open: sumOf(open), tokens: sumOf(tokens) }));
  const of = (side: keyof TokensRound, key: keyof TurnsSum) => sides.map((sums) => sums[side][key]);
  const ratio = (key: keyof TurnsSum) =>
    sides.map(({ open, tokens }) => divided(tokens[key], open[key]));
  return [
    ...figure(
      { name: "openJobsPerSec", label: "no tokens, jobs per second", digits: 0 },
      of("open", "jobsPerSec"),
    ),
    ...figure(
      { name: "tokensJobsPerSec", label: "tokens, jobs per second", digits: 0 },
      of("tokens", "jobsPerSec"),
    ),
    ...figure(
      { name: "jobsRatio", label: "jobs per second / no tokens", digits: 3 },
      ratio("jobsPerSec"),
    ),
    ...figure(
      { name: "openCpuMsPerJob", label: "no tokens, own CPU per job, ms", digits: 3 },
      of("open", "cpuMsPerJob"),
    ),
    ...figure(
      { name: "tokensCpuMsPerJob", label: "tokens, own CPU per job, ms", digits: 3 },
      of("tokens", "cpuMsPerJob"),
    ),
    ...figure(
      {
        name: "cpuRatio",
        label: "own CPU per job / no tokens",
        digits: 3,
        goal: { atMost: 1.03 },
      },
      ratio("cpuMsPerJob"),
    ),
  ];
}
