/**
 * Small clients beside one with many open requests: with a fair queue and without.
 *
 * @module
 */

import { type Figure, figure, type FigureRow, type Goal } from "./figure.ts";
import type { FairResult } from "./loads/fair.ts";
import { percentile } from "./statistics.ts";

/** What was measured in one turn. */
export type FairTurn = Pick<FairResult, "loneMs" | "smallMs" | "smallRefused">;

/** All turns, by the server and the jobs of the client with many requests. */
export interface FairTurns {
  /** First in, first out; all jobs take the same time on average. */
  readonly fifo: readonly FairTurn[];
  /** A fair queue; the same jobs. */
  readonly fair: readonly FairTurn[];
  /** First in, first out; that client's jobs take ten times as long. */
  readonly fifoLong: readonly FairTurn[];
  /** A fair queue; the same jobs. */
  readonly fairLong: readonly FairTurn[];
  /** A fair queue and a limit of that client's running jobs; the same jobs. */
  readonly limitedLong: readonly FairTurn[];
}

const rows: Readonly<Record<keyof FairTurns, { title: string; p95?: Goal; refused?: Goal }>> = {
  fifo: { title: "FIFO" },
  fair: { title: "fair", p95: { atMost: 2 }, refused: { atMost: 0 } },
  fifoLong: { title: "FIFO, long jobs" },
  fairLong: { title: "fair, long jobs", refused: { atMost: 0 } },
  limitedLong: { title: "fair, long jobs, max_running", refused: { atMost: 0 } },
};

/**
 * The figures of the small clients in all turns together. Times are multiples of a lone client's time in the same
 * turn, and are missing where every request was refused.
 */
export function fairFigures(turns: FairTurns): Figure[] {
  return (Object.keys(rows) as (keyof FairTurns)[]).flatMap((side) => {
    const { title, p95, refused } = rows[side];
    const ascending = turns[side]
      .flatMap(({ loneMs, smallMs }) => smallMs.map((milliseconds) => milliseconds / loneMs))
      .sort((a, b) => a - b);
    const multiple = (share: number) =>
      ascending.length > 0 ? percentile(ascending, share) : undefined;
    const sumRefused = turns[side].reduce((sum, { smallRefused }) => sum + smallRefused, 0);
    return [
      ...figure({ name: `${side}Done`, label: `${title}: done`, digits: 0 }, [ascending.length]),
      ...figure(
        withGoal({ name: `${side}Refused`, label: `${title}: refused`, digits: 0 }, refused),
        [sumRefused],
      ),
      ...figure(
        { name: `${side}P50`, label: `${title}: p50 / lone run`, digits: 2 },
        [multiple(0.5)],
      ),
      ...figure(
        withGoal({ name: `${side}P95`, label: `${title}: p95 / lone run`, digits: 2 }, p95),
        [multiple(0.95)],
      ),
    ];
  });
}

function withGoal(row: FigureRow, goal: Goal | undefined): FigureRow {
  return goal ? { ...row, goal } : row;
}
