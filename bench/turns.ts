/**
 * Turns: what is compared gets the same load in alternation, several times in a round, so that a
 * machine's drift affects all sides alike.
 *
 * @module
 */

import type { Round } from "./round.ts";
import { perRound } from "./settings.ts";

/** What was measured of one side in one turn. */
export type Turn = Pick<
  Round,
  "jobs" | "seconds" | "cpuMsPerJob" | "latencyP50Ms" | "latencyP99Ms"
>;

/** The jobs of each turn of each round: `count` spread evenly, but at least one job in each turn. */
export function perTurn(
  count: number,
  { rounds, turns }: { readonly rounds: number; readonly turns: number },
): number[][] {
  const all = perRound(Math.max(count, rounds * turns), rounds * turns);
  return Array.from(
    { length: rounds },
    (_, round) => all.slice(round * turns, (round + 1) * turns),
  );
}

/**
 * The turns of one round: `measure` is called for one side after the other and with the jobs of the
 * turn. The order of the sides is reversed from turn to turn.
 */
export async function takeTurns<Name extends string, Side, Result>(
  sides: Readonly<Record<Name, Side>>,
  jobsOfTurns: readonly number[],
  measure: (side: Side, jobs: number) => Promise<Result>,
): Promise<Record<Name, Result[]>> {
  const names = Object.keys(sides) as Name[];
  const results = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<
    Name,
    Result[]
  >;
  for (const [turn, jobs] of jobsOfTurns.entries()) {
    for (const name of turn % 2 === 0 ? names : names.toReversed()) {
      results[name].push(await measure(sides[name], jobs));
    }
  }
  return results;
}

/** All turns of one side in one round; undefined is what this machine cannot measure. */
export interface TurnsSum {
  /** All jobs divided by the whole time. */
  readonly jobsPerSec: number;
  /** The server's own CPU, without its children's. */
  readonly cpuMsPerJob: number | undefined;
}

/** The sum of some turns. */
export function sumOf(turns: readonly Turn[]): TurnsSum {
  let [jobs, seconds, cpuMs] = [0, 0, 0];
  for (const turn of turns) {
    jobs += turn.jobs;
    seconds += turn.seconds;
    cpuMs += (turn.cpuMsPerJob ?? NaN) * turn.jobs;
  }
  return { jobsPerSec: jobs / seconds, cpuMsPerJob: isNaN(cpuMs) ? undefined : cpuMs / jobs };
}

/** A ratio; undefined where one value was not measured, or the whole was too small to be. */
export function divided(part: number | undefined, whole: number | undefined): number | undefined {
  return part === undefined || !whole ? undefined : part / whole;
}
