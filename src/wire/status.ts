/**
 * The state of the service, as `GET /status` tells it.
 *
 * @module
 */

import { toMicroseconds, toMilliseconds } from "./rounding.ts";

/** Bytes held in memory for requests, by what they are. */
export interface BufferedBytes {
  /** Bodies that are coming, and payloads of jobs that wait. */
  readonly bodies: number;
  /** What the commands that run have put out. */
  readonly captures: number;
  /** Results that clients have not taken yet. */
  readonly answers: number;
}

/** The state of the service, as `GET /status` tells it. */
export interface ServiceStatus {
  /** Jobs waiting in the line. */
  readonly waiting: number;
  /** Jobs started since boot. */
  readonly started: number;
  /** Version of the program. */
  readonly version: string;
  /** Seconds since the service started. */
  readonly uptimeSec: number;
  /** False once it drains. */
  readonly ready: boolean;
  /** Jobs that may wait. */
  readonly queueLimit: number;
  /** Bytes held in memory for requests. */
  readonly buffered: BufferedBytes;
  /** Workers in the order of their ids; `job` is what it runs, absent while idle. */
  readonly workers: readonly {
    readonly id: number;
    readonly sinceSec: number;
    readonly job?: {
      readonly id: string;
      readonly requestId: string;
      readonly pid?: number | undefined;
    };
  }[];
  /** Jobs that had a worker since boot, by how they ended. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Requests for a job that came to no run since boot, by reason. */
  readonly rejections: Readonly<Record<string, number>>;
  /** What jobs waited and ran in the last minutes. */
  readonly recent: {
    readonly windowSec: number;
    readonly queuedSec: Quantiles;
    readonly elapsedSec: Quantiles;
  };
}

/** Values that were measured, and their quantiles; undefined without values. */
export interface Quantiles {
  /** How many there are. */
  readonly count: number;
  /** The least value that is not below the share `q` of them. */
  quantile(q: number): number | undefined;
}

/** The body of `GET /status`: the two keys of the contract, then ours. Never a payload; ids of jobs and processes only if it is said so. */
export function encodeStatus(status: ServiceStatus, namesJobs: boolean): string {
  const { bodies, captures, answers } = status.buffered;
  return JSON.stringify({
    queued_jobs: status.waiting,
    total_jobs: status.started,
    version: status.version,
    uptime_sec: toMilliseconds(status.uptimeSec),
    state: status.ready ? "ready" : "draining",
    workers: status.workers.length,
    busy: status.workers.filter((worker) => worker.job).length,
    queue_limit: status.queueLimit,
    buffered_bytes: bodies + captures + answers,
    buffered: { bodies, captures, answers },
    worker_states: status.workers.map((worker) => ({
      worker_id: worker.id,
      state: worker.job ? "running" : "idle",
      since_sec: toMilliseconds(worker.sinceSec),
      ...(namesJobs
        ? { id: worker.job?.id, request_id: worker.job?.requestId, pid: worker.job?.pid }
        : {}),
    })),
    outcomes: status.outcomes,
    rejections: status.rejections,
    recent: {
      window_sec: status.recent.windowSec,
      queued_sec: encodeQuantiles(status.recent.queuedSec),
      elapsed_sec: encodeQuantiles(status.recent.elapsedSec),
    },
  }) + "\n";
}

/** The keys are always there: null says that nothing has been measured. */
function encodeQuantiles({ count, quantile }: Quantiles) {
  const of = (q: number) => {
    const value = quantile(q);
    return value === undefined ? null : toMicroseconds(value);
  };
  return { count, p50: of(0.5), p95: of(0.95) };
}
