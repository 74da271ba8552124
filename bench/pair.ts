/**
 * One round of a comparison: two versions of the program, both up, under the same loads in turn.
 *
 * @module
 */

import { megabyte } from "./figure.ts";
import { measureLayers } from "./layers.ts";
import { meterOf } from "./proc.ts";
import { measureRound, type Round, runJobs, smallJob } from "./round.ts";
import { commandNames, startServer } from "./server.ts";
import { warmUpJobs } from "./settings.ts";

/** A value for each of the two versions. */
export interface Both<T> {
  /** Of the version to compare with. */
  readonly base: T;
  /** Of the version in question. */
  readonly current: T;
}

/** A version of the program. */
export interface Side {
  /** The folder with its source. */
  readonly checkout: string;
  /** An existing folder for its servers' logs and spools. */
  readonly folder: string;
  /** The layers to measure. */
  readonly layers: readonly string[];
  /** Whether its server has three named commands, one of which gets all jobs. */
  readonly named?: boolean;
}

/** What both sides do in a round. */
export interface PairPlan {
  /** Absolute path of the command of each job. */
  readonly program: string;
  /** Jobs at the same time. */
  readonly workers: number;
  /** Clients at the same time. */
  readonly clients: number;
  /** Jobs of those clients in each turn. */
  readonly jobs: number;
  /** Jobs of one client alone in each turn. */
  readonly latencyJobs: number;
  /** Calls of each layer. */
  readonly layerCalls: number;
}

/**
 * How often either side has its turn under all clients, in one round. On a machine that others use as
 * well, rounds in turns of 200 jobs differ half as much as rounds in one piece: other programs are
 * rarely busy in the turns of one side only. Odd, so that over two rounds each side is first as often.
 */
export const busyTurns = 5;

/** The same under one client. */
export const calmTurns = 3;

/** What one side did in a round; undefined is what this machine cannot measure. */
export interface Sample {
  /** Jobs answered per second. */
  readonly jobsPerSec: number;
  /** The server's own CPU, without its children's, with all clients. */
  readonly cpuMsPerJob: number | undefined;
  /** Half of the answers to one client took no longer, in the mean of its turns. */
  readonly latencyP50Ms: number;
  /** Megabytes of the server's resident memory before its first job. */
  readonly idleMb: number | undefined;
  /** The same after the warm-up and the jobs of all clients. */
  readonly afterMb: number | undefined;
  /** Microseconds of one call of each layer. */
  readonly layers: Readonly<Record<string, number>>;
  /** Sentences about what is undefined. */
  readonly missing: readonly string[];
}

/**
 * Measures both versions: in each step of the round one after the other, `first` and then the other
 * one, which is first in the next turn.
 *
 * The servers are started anew for every round, because the cost of a process depends a little on
 * chance at its start: the idle memory of the very same program varies by some percent.
 */
export async function measurePair(
  sides: Both<Side>,
  { first, ...plan }: PairPlan & { readonly first: Name },
  signal: AbortSignal,
): Promise<Both<Sample>> {
  const { program: command, workers, clients, jobs, latencyJobs, layerCalls: calls } = plan;
  await using servers = new AsyncDisposableStack();
  const started = await inTurn(first, sides, async ({ checkout, folder, named = false }) => {
    const options = { command, workers, queueLimit: clients, folder, source: checkout, named };
    const server = servers.use(await startServer(options, signal));
    const meter = await meterOf(server.pid, signal);
    const job = named ? { ...smallJob, path: `${smallJob.path}/${commandNames[1]}` } : smallJob;
    return { server, meter, job, idleBytes: meter.residentBytes() };
  });
  await inTurn(first, started, ({ server, job }) => {
    return runJobs(server, { ...job, jobs: warmUpJobs, clients }, signal);
  });

  async function takeTurns(
    turns: number,
    load: Pick<PairPlan, "jobs" | "clients">,
  ): Promise<Both<Round[]>> {
    const rounds: Both<Round[]> = { base: [], current: [] };
    for (let turn = 0; turn < turns; turn++) {
      const { base, current } = await inTurn(
        turn % 2 === 0 ? first : otherOf(first),
        started,
        ({ server, meter, job }) => {
          const instruments = { target: server, meter, floor: undefined };
          return measureRound(instruments, { ...job, ...load, threads: workers }, signal);
        },
      );
      rounds.base.push(base);
      rounds.current.push(current);
    }
    return rounds;
  }

  const busy = await takeTurns(busyTurns, { jobs, clients });
  const calm = await takeTurns(calmTurns, { jobs: latencyJobs, clients: 1 });
  await inTurn(first, started, ({ server }) => server.stop());
  const layers = await inTurn(first, sides, ({ checkout, layers: names }) => {
    return measureLayers(checkout, { names, calls }, signal);
  });
  const sampleOf = (side: Name): Sample => ({
    // All jobs divided by the whole time: each turn has the same number of jobs.
    jobsPerSec: 1 / meanOf(busy[side].map(({ jobsPerSec }) => 1 / jobsPerSec)),
    cpuMsPerJob: meanOfKnown(busy[side].map(({ cpuMsPerJob }) => cpuMsPerJob)),
    latencyP50Ms: meanOf(calm[side].map(({ latencyP50Ms }) => latencyP50Ms)),
    idleMb: inMegabytes(started[side].idleBytes),
    afterMb: inMegabytes(busy[side].at(-1)?.residentBytes),
    layers: layers[side],
    missing: started[side].meter.missing,
  });
  return { base: sampleOf("base"), current: sampleOf("current") };
}

type Name = keyof Both<unknown>;

function otherOf(side: Name): Name {
  return side === "base" ? "current" : "base";
}

async function inTurn<T, R>(
  first: Name,
  { base, current }: Both<T>,
  act: (side: T) => Promise<R>,
): Promise<Both<R>> {
  if (first === "base") return { base: await act(base), current: await act(current) };
  const ofCurrent = await act(current);
  return { base: await act(base), current: ofCurrent };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Undefined when one of them is. */
function meanOfKnown(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === values.length ? meanOf(known) : undefined;
}

function inMegabytes(bytes: number | undefined): number | undefined {
  return bytes === undefined ? undefined : bytes / megabyte;
}
