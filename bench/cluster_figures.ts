/**
 * Machines that share a queue over NATS, beside a server without it.
 *
 * @module
 */

import { type Figure, figure, type FigureRow, megabyte } from "./figure.ts";
import { medianOf } from "./statistics.ts";

/** Times of some answers. */
export interface AnswerTimes {
  /** Half of them took no longer. */
  readonly p50Ms: number;
  /** 99 of 100 took no longer. */
  readonly p99Ms: number;
}

/** The turns of all sides in one round, with one client. */
export interface LatencyRound {
  /** A request over NATS that another process answers at once. */
  readonly roundTrip: readonly AnswerTimes[];
  /** Jobs of a server without NATS. */
  readonly alone: readonly AnswerTimes[];
  /** Jobs of a group of one machine: they run where their client is. */
  readonly own: readonly AnswerTimes[];
  /** Jobs of a machine without workers: they run on another one. */
  readonly remote: readonly AnswerTimes[];
}

/** Jobs per second of commands that sleep, in one round. */
export interface SpreadRound {
  /** Of a server without NATS. */
  readonly alone: number;
  /** Of groups of one machine, of two and so on. */
  readonly machines: readonly number[];
}

/** A file that goes to another machine and back. What this machine cannot measure is undefined. */
export interface BytesRound {
  /** Seconds on a server without NATS. */
  readonly aloneSec: number;
  /** Seconds over two machines. */
  readonly remoteSec: number;
  /** Peak of the resident memory of the machine that has the client, so far. */
  readonly frontPeakBytes: number | undefined;
  /** The same of the machine that runs the job. */
  readonly executorPeakBytes: number | undefined;
}

/**
 * The figures of one client. Each is made of the medians of a round's turns, so that a machine's drift cancels out. The goal is for
 * one NATS server.
 */
export function latencyFigures(
  prefix: "one" | "three",
  title: string,
  rounds: readonly LatencyRound[],
): Figure[] {
  const of = (side: keyof LatencyRound, key: keyof AnswerTimes) => (round: LatencyRound) =>
    medianOf(round[side].map((times) => times[key]));
  const added = (side: "own" | "remote", key: keyof AnswerTimes) => (round: LatencyRound) =>
    of(side, key)(round) - of("alone", key)(round);
  const trip = of("roundTrip", "p50Ms");
  const addedP50 = added("remote", "p50Ms");
  const row = (
    name: string,
    label: string,
    valueOf: (round: LatencyRound) => number,
    more: Partial<FigureRow> = {},
  ) =>
    figure(
      { name: `${prefix}${name}`, label: `${title}${label}`, digits: 2, ...more },
      rounds.map(valueOf),
    );
  return [
    ...row("RoundTripP50Ms", "bare NATS round trip p50, ms", trip),
    ...row("AloneP50Ms", "no NATS p50, ms", of("alone", "p50Ms")),
    ...row("OwnAddedP50Ms", "own job, added p50, ms", added("own", "p50Ms")),
    ...row("AddedP50Ms", "remote job, added p50, ms", addedP50),
    ...row(
      "AddedRatio",
      "added p50 / bare round trip",
      (round) => addedP50(round) / trip(round),
      prefix === "one" ? { goal: { atMost: 3.2 } } : {},
    ),
    ...row("AddedP99Ms", "remote job, added p99, ms", added("remote", "p99Ms")),
  ];
}

/** The figures of commands that sleep. The ideal is that of a server without NATS, times the number of machines. */
export function spreadFigures(rounds: readonly SpreadRound[]): Figure[] {
  const most = Math.max(0, ...rounds.map(({ machines }) => machines.length));
  const counts = Array.from({ length: most }, (_, index) => index + 1);
  return [
    ...figure(
      { name: "aloneJobsPerSec", label: "sleeping jobs, no NATS, per second", digits: 0 },
      rounds.map(({ alone }) => alone),
    ),
    ...counts.flatMap((count) => {
      const title = `sleeping jobs, ${count} machine${count > 1 ? "s" : ""}`;
      const perSec = ({ machines }: SpreadRound) => machines[count - 1];
      const share = (round: SpreadRound) => (perSec(round) ?? NaN) / round.alone / count;
      const name = `machines${count}`;
      return [
        ...figure(
          { name: `${name}JobsPerSec`, label: `${title}, per second`, digits: 0 },
          rounds.map(perSec),
        ),
        ...figure(
          {
            name: `${name}Share`,
            label: `${title}, share of the ideal`,
            digits: 2,
            goal: { atLeast: 0.9 },
          },
          rounds.map(share),
        ),
      ];
    }),
  ];
}

/** The figures of a file of 64 MiB. The peaks are those after all rounds. */
export function byteFigures(rounds: readonly BytesRound[]): Figure[] {
  const last = rounds.at(-1);
  const peak = (machine: "front" | "executor", label: string) => {
    const bytes = last?.[`${machine}PeakBytes`];
    return figure(
      {
        name: `${machine}PeakMb`,
        label: `peak memory of ${label}, MB`,
        digits: 0,
        goal: { atMost: 200 },
      },
      [bytes === undefined ? undefined : bytes / megabyte],
    );
  };
  return [
    ...figure(
      { name: "bytesAloneSec", label: "64 MiB there and back, no NATS, s", digits: 2 },
      rounds.map(({ aloneSec }) => aloneSec),
    ),
    ...figure(
      { name: "bytesRemoteSec", label: "64 MiB there and back, remote, s", digits: 2 },
      rounds.map(({ remoteSec }) => remoteSec),
    ),
    ...peak("front", "the machine with the client"),
    ...peak("executor", "the machine with the job"),
  ];
}
