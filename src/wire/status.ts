/**
 * The state of the service, as `GET /status` reports it.
 *
 * @module
 */

import type { Names } from "../jobs/job.ts";
import { toMicroseconds, toMilliseconds } from "./rounding.ts";

/** Bytes held in memory for requests, by kind. */
export interface BufferedBytes {
  /** Bodies being received, and payloads of waiting jobs. */
  readonly bodies: number;
  /** Output of running commands. */
  readonly captures: number;
  /** Results that clients have not read yet. */
  readonly answers: number;
}

/** A worker. */
export interface WorkerStatus {
  /** Its number in its pool, from 1. */
  readonly id: number;
  /** Seconds since it took its job, or since it became idle. */
  readonly sinceSec: number;
  /** Its warm process, waiting or with the job; absent without one. */
  readonly warm?: {
    readonly pid: number;
    /** Seconds since the process started. */
    readonly sinceSec: number;
    /** The jobs that it has got. */
    readonly jobs: number;
  };
  /** The running job; absent while the worker is idle. */
  readonly job?: {
    readonly id: string;
    readonly requestId: string;
    /** Name of its command; shown only if the pool has a name. */
    readonly command: string;
    /** Name of the token that its request was sent with, if tokens are in use. */
    readonly token?: string | undefined;
    readonly pid?: number | undefined;
  };
}

/** A pool: some workers and the queue in front of them. */
export interface PoolStatus {
  /** Its name; undefined without a configuration file. */
  readonly name: string | undefined;
  /** Jobs waiting in the queue. */
  readonly waiting: number;
  /** Maximum number of waiting jobs. */
  readonly queueLimit: number;
  /** How long the job at the head of the queue has waited, in seconds; 0 if no job waits. */
  readonly oldestWaitSec: number;
  /** Workers in the order of their ids. */
  readonly workers: readonly WorkerStatus[];
}

/** A command of a configuration file. */
export interface CommandStatus {
  /** Its name and that of its pool. */
  readonly names: Names;
  /** The description in the file, if there is one. */
  readonly description?: string | undefined;
  /** Its jobs that had a worker since boot, by outcome. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Requests for it that never ran, since boot, by reason. */
  readonly rejections: Readonly<Record<string, number>>;
}

/** A machine of the group that shares its queues. */
export interface NodeStatus {
  /** Its id, new at each start. */
  readonly id: string;
  /** Its name, for people. */
  readonly name: string;
  /** Version of the program. */
  readonly version: string;
  /** What it does. */
  readonly state: string;
  /** Seconds since it was heard first. */
  readonly sinceSec: number;
  /** Number of its workers, over all pools. */
  readonly workers: number;
  /** Number of those that have a job. */
  readonly busy: number;
  /** Number of jobs that may wait because of it. */
  readonly places: number;
  /** Names of commands that have another text there, sorted. */
  readonly differs: readonly string[];
}

/** A queue that several machines share. */
export interface SharedPoolStatus {
  /** Name of the pool. */
  readonly name: string;
  /** Maximum number of unfinished jobs: workers and places of all machines. */
  readonly limit: number;
  /** Number of unfinished jobs when the NATS server was last asked; undefined before that. */
  readonly unfinished: number | undefined;
}

/** The machines that share their queues, as far as this one knows. */
export interface ClusterStatus {
  /** Name of the group. */
  readonly group: string;
  /** Id of this machine. */
  readonly node: string;
  /** Whether there is a connection to a NATS server. */
  readonly connected: boolean;
  /** Version of that server; undefined before the first connection. */
  readonly serverVersion: string | undefined;
  /** The machines that live, this one included. */
  readonly nodes: readonly NodeStatus[];
  /** The queues. */
  readonly pools: readonly SharedPoolStatus[];
}

/** The state of the service, as `GET /status` reports it. */
export interface ServiceStatus {
  /** Jobs started since boot. */
  readonly started: number;
  /** Version of the program. */
  readonly version: string;
  /** Seconds since the service started. */
  readonly uptimeSec: number;
  /** Whether jobs are admitted; false once the service drains. */
  readonly ready: boolean;
  /** Bytes held in memory for requests. */
  readonly buffered: BufferedBytes;
  /** The pools; one without a name if there is no configuration file. */
  readonly pools: readonly PoolStatus[];
  /** The commands; absent without a configuration file. */
  readonly commands?: readonly CommandStatus[];
  /** Jobs that had a worker since boot, by outcome. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Job requests that never ran, since boot, by reason. */
  readonly rejections: Readonly<Record<string, number>>;
  /** How long jobs waited and ran in the last minutes. */
  readonly recent: {
    readonly windowSec: number;
    readonly queuedSec: Quantiles;
    readonly elapsedSec: Quantiles;
  };
  /** The machines that share their queues; absent on a machine of its own. */
  readonly cluster?: ClusterStatus | undefined;
}

/** Measured values and their quantiles. */
export interface Quantiles {
  /** Number of values. */
  readonly count: number;
  /** The smallest value that is not below the share `q` of the values; undefined if there are none. */
  quantile(q: number): number | undefined;
}

/**
 * Encodes the body of `GET /status`: the two keys of the contract, then ours. Figures of queues and workers are sums over all
 * pools; what has a name follows at the end. It never holds a payload, and it holds ids of jobs and processes only if `namesJobs`
 * is true.
 */
export function encodeStatus(status: ServiceStatus, namesJobs: boolean): string {
  const { bodies, captures, answers } = status.buffered;
  const { pools, commands, cluster } = status;
  const sumOf = (figure: (pool: PoolStatus) => number) =>
    pools.reduce((sum, pool) => sum + figure(pool), 0);
  return JSON.stringify({
    queued_jobs: sumOf(({ waiting }) => waiting),
    total_jobs: status.started,
    version: status.version,
    uptime_sec: toMilliseconds(status.uptimeSec),
    state: status.ready ? "ready" : "draining",
    workers: sumOf(({ workers }) => workers.length),
    busy: sumOf(busyOf),
    queue_limit: sumOf(({ queueLimit }) => queueLimit),
    buffered_bytes: bodies + captures + answers,
    buffered: { bodies, captures, answers },
    worker_states: pools.flatMap(({ name, workers }) =>
      workers.map(({ id, sinceSec, warm, job }) => ({
        worker_id: id,
        ...(name === undefined ? {} : { pool: name, command: job?.command }),
        state: job ? "running" : "idle",
        since_sec: toMilliseconds(sinceSec),
        warm: warm && encodeWarm(warm, namesJobs),
        ...(namesJobs
          ? { id: job?.id, request_id: job?.requestId, token: job?.token, pid: job?.pid }
          : {}),
      }))
    ),
    outcomes: status.outcomes,
    rejections: status.rejections,
    recent: {
      window_sec: status.recent.windowSec,
      queued_sec: encodeQuantiles(status.recent.queuedSec),
      elapsed_sec: encodeQuantiles(status.recent.elapsedSec),
    },
    ...(commands ? { commands: commands.map(encodeCommand), pools: pools.map(encodePool) } : {}),
    ...(cluster ? { cluster: encodeCluster(cluster, commands !== undefined) } : {}),
  }) + "\n";
}

function encodeWarm(
  { pid, sinceSec, jobs }: Exclude<WorkerStatus["warm"], undefined>,
  namesProcess: boolean,
) {
  return { ...(namesProcess ? { pid } : {}), since_sec: toMilliseconds(sinceSec), jobs };
}

function encodeCommand({ names, description, outcomes, rejections }: CommandStatus) {
  return { name: names.command, pool: names.pool, description, outcomes, rejections };
}

function encodePool(pool: PoolStatus) {
  return {
    name: pool.name,
    workers: pool.workers.length,
    busy: busyOf(pool),
    queued_jobs: pool.waiting,
    queue_limit: pool.queueLimit,
    oldest_wait_sec: toMilliseconds(pool.oldestWaitSec),
  };
}

/** The figures are sums over all queues; with `named`, those of each queue and the names of commands follow. */
function encodeCluster(
  { group, node, connected, serverVersion, nodes, pools }: ClusterStatus,
  named: boolean,
) {
  return {
    group,
    node_id: node,
    connected,
    server_version: serverVersion ?? null,
    queue_limit: pools.reduce((sum, { limit }) => sum + limit, 0),
    unfinished: unfinishedIn(pools),
    nodes: nodes.map(({ id, name, version, state, sinceSec, workers, busy, places, differs }) => ({
      id,
      name,
      version,
      state,
      workers,
      busy,
      places,
      since_sec: toMilliseconds(sinceSec),
      command_differs: differs.length > 0,
      ...(named ? { differing_commands: differs } : {}),
    })),
    ...(named
      ? {
        pools: pools.map(({ name, limit, unfinished = null }) => ({
          name,
          queue_limit: limit,
          unfinished,
        })),
      }
      : {}),
  };
}

/** Null if that of a queue is not known. */
function unfinishedIn(pools: readonly SharedPoolStatus[]): number | null {
  let sum = 0;
  for (const { unfinished } of pools) {
    if (unfinished === undefined) return null;
    sum += unfinished;
  }
  return sum;
}

function busyOf({ workers }: PoolStatus): number {
  return workers.filter(({ job }) => job).length;
}

/** The keys are always present: null means that nothing has been measured. */
function encodeQuantiles({ count, quantile }: Quantiles) {
  const of = (q: number) => {
    const value = quantile(q);
    return value === undefined ? null : toMicroseconds(value);
  };
  return { count, p50: of(0.5), p95: of(0.95) };
}
