/**
 * The state of the service, as `GET /status` reports it.
 *
 * @module
 */

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

/** The state of the service, as `GET /status` reports it. */
export interface ServiceStatus {
  /** Jobs waiting in the queue. */
  readonly waiting: number;
  /** Jobs started since boot. */
  readonly started: number;
  /** Version of the program. */
  readonly version: string;
  /** Seconds since the service started. */
  readonly uptimeSec: number;
  /** Whether jobs are admitted; false once the service drains. */
  readonly ready: boolean;
  /** Maximum number of waiting jobs. */
  readonly queueLimit: number;
  /** Bytes held in memory for requests. */
  readonly buffered: BufferedBytes;
  /** Workers in the order of their ids; `job` is the running job, absent while the worker is idle. */
  readonly workers: readonly {
    readonly id: number;
    readonly sinceSec: number;
    readonly job?: {
      readonly id: string;
      readonly requestId: string;
      readonly pid?: number | undefined;
    };
  }[];
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
}

/** Measured values and their quantiles. */
export interface Quantiles {
  /** Number of values. */
  readonly count: number;
  /** The smallest value that is not below the share `q` of the values; undefined if there are none. */
  quantile(q: number): number | undefined;
}

/**
 * Encodes the body of `GET /status`: the two keys of the contract, then ours. It never holds a payload, and it holds ids of jobs
 * and processes only if `namesJobs` is true.
 */
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

/** The keys are always present: null means that nothing has been measured. */
function encodeQuantiles({ count, quantile }: Quantiles) {
  const of = (q: number) => {
    const value = quantile(q);
    return value === undefined ? null : toMicroseconds(value);
  };
  return { count, p50: of(0.5), p95: of(0.95) };
}
