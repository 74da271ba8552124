/**
 * One round of a comparison: two versions of the program, both up, under the same loads in turn.
 *
 * @module
 */

import { megabyte } from "./figure.ts";
import { measureLayers } from "./layers.ts";
import { meterOf } from "./proc.ts";
import { measureRound, runJobs, smallJob } from "./round.ts";
import { startServer } from "./server.ts";
import { warmUpJobs } from "./settings.ts";

/** One of each version: of the one that is compared with, and of the one in question. */
export interface Both<T> {
  /** Of the version that is compared with. */
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
}

/** What both sides do in a round. */
export interface PairPlan {
  /** Absolute path of the command of each job. */
  readonly program: string;
  /** Jobs at the same time. */
  readonly workers: number;
  /** Clients at the same time. */
  readonly clients: number;
  /** Jobs of those clients. */
  readonly jobs: number;
  /** Jobs of one client alone. */
  readonly latencyJobs: number;
  /** Calls of each layer. */
  readonly layerCalls: number;
}

/** What one side did in a round; undefined is what this machine cannot tell. */
export interface Sample {
  /** Jobs answered per second. */
  readonly jobsPerSec: number;
  /** The server's own CPU, without its children's, with all clients. */
  readonly cpuMsPerJob: number | undefined;
  /** Half of the answers to one client took no longer. */
  readonly latencyP50Ms: number;
  /** Megabytes of the server's resident memory before its first job. */
  readonly idleMb: number | undefined;
  /** The same after the jobs of all clients. */
  readonly afterMb: number | undefined;
  /** Microseconds of one call of each layer. */
  readonly layers: Readonly<Record<string, number>>;
  /** Sentences about what is undefined. */
  readonly missing: readonly string[];
}

/**
 * Measures both versions, in each step of the round one after the other: `first`, then the other one.
 *
 * The servers are started anew for every round. How fast a process is depends a little on luck at its
 * start, such as where its memory lies and what was compiled when: with the same two servers in all
 * rounds that luck would count as a difference between the versions.
 */
export async function measurePair(
  sides: Both<Side>,
  { first, ...plan }: PairPlan & { readonly first: keyof Both<Side> },
  signal: AbortSignal,
): Promise<Both<Sample>> {
  const { program: command, workers, clients, layerCalls: calls } = plan;
  await using servers = new AsyncDisposableStack();
  const started = await inTurn(first, sides, async ({ checkout, folder }) => {
    const options = { command, workers, queueLimit: clients, folder, source: checkout };
    const server = servers.use(await startServer(options, signal));
    const meter = await meterOf(server.pid, signal);
    return { server, meter, idleBytes: meter.residentBytes() };
  });
  await inTurn(first, started, ({ server }) => {
    return runJobs(server, { ...smallJob, jobs: warmUpJobs, clients }, signal);
  });
  const measure = (load: Pick<PairPlan, "jobs" | "clients">) =>
    inTurn(first, started, ({ server, meter }) => {
      const instruments = { target: server, meter, floor: undefined };
      return measureRound(instruments, { ...smallJob, ...load, threads: workers }, signal);
    });
  const busy = await measure({ jobs: plan.jobs, clients });
  const calm = await measure({ jobs: plan.latencyJobs, clients: 1 });
  await inTurn(first, started, ({ server }) => server.stop());
  const layers = await inTurn(first, sides, ({ checkout, layers: names }) => {
    return measureLayers(checkout, { names, calls }, signal);
  });
  const sampleOf = (side: keyof Both<Sample>): Sample => ({
    jobsPerSec: busy[side].jobsPerSec,
    cpuMsPerJob: busy[side].cpuMsPerJob,
    latencyP50Ms: calm[side].latencyP50Ms,
    idleMb: inMegabytes(started[side].idleBytes),
    afterMb: inMegabytes(busy[side].residentBytes),
    layers: layers[side],
    missing: started[side].meter.missing,
  });
  return { base: sampleOf("base"), current: sampleOf("current") };
}

async function inTurn<T, R>(
  first: keyof Both<T>,
  { base, current }: Both<T>,
  act: (side: T) => Promise<R>,
): Promise<Both<R>> {
  if (first === "base") return { base: await act(base), current: await act(current) };
  const ofCurrent = await act(current);
  return { base: await act(base), current: ofCurrent };
}

function inMegabytes(bytes: number | undefined): number | undefined {
  return bytes === undefined ? undefined : bytes / megabyte;
}
