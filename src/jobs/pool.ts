/**
 * N workers: each is a loop over the same queue and runs one job at a time.
 *
 * @module
 */

import type { JobOutcome } from "./job.ts";
import type { Lease, Line } from "./line.ts";

/** A job that a worker has taken, as others may see it. */
export interface RunningJob extends Pick<Lease, "spec" | "handle" | "queuedSec" | "stop"> {
  /** Process id of its command, set by the run as soon as there is one. */
  pid?: number;
}

/** A worker as others may see it. */
export interface WorkerState {
  /** Number from 1 to N, without gaps, stable for the life of the pool. */
  readonly id: number;
  /** The current job; undefined while idle. */
  readonly job: RunningJob | undefined;
  /** Milliseconds since the worker took its job, or since it became idle. */
  readonly sinceMs: number;
}

/** A running pool. */
export interface Pool {
  /** Number of workers that have a job now. */
  readonly busy: number;
  /** Number of jobs taken since the start. */
  readonly started: number;
  /** A snapshot of all workers, in the order of their ids. */
  workers(): readonly WorkerState[];
  /** Resolves when the queue is closed and every worker has finished its last job. */
  readonly finished: Promise<void>;
}

/** The parts of a pool. */
export interface PoolSettings {
  /** Number of workers. */
  readonly size: number;
  /** The queue that jobs are taken from. */
  readonly line: Pick<Line, "take">;
  /** Runs a job. It must not throw: endings are data. */
  readonly run: (job: RunningJob, workerId: number) => Promise<JobOutcome>;
  /** Called if `run` throws, which is a bug; the job fails and the worker carries on. */
  readonly onBug: (bug: unknown, job: RunningJob) => void;
}

interface Worker {
  readonly id: number;
  job: RunningJob | undefined;
  /** When the worker took its job, or became idle, in milliseconds of the pool's clock. */
  since: number;
}

/** Starts the workers. `now` is a monotonic clock in milliseconds. */
export function startPool(
  { size, line, run, onBug }: PoolSettings,
  now: () => number = () => performance.now(),
): Pool {
  const workers = Array.from({ length: size }, (_, index): Worker => ({
    id: index + 1,
    job: undefined,
    since: now(),
  }));
  let busy = 0;
  let started = 0;

  async function work(worker: Worker): Promise<void> {
    let lease = await line.take();
    while (lease) {
      const { spec, handle, queuedSec, stop } = lease;
      const job: RunningJob = { spec, handle, queuedSec, stop };
      worker.job = job;
      worker.since = now();
      busy++;
      started++;
      const outcome = await outcomeOf(job, worker.id);
      worker.job = undefined;
      worker.since = now();
      busy--;
      // A client that gets the outcome may request a place at once, and this worker must be free then.
      const next = line.take();
      lease.settle(outcome);
      lease = await next;
    }
  }

  async function outcomeOf(job: RunningJob, workerId: number): Promise<JobOutcome> {
    try {
      return await run(job, workerId);
    } catch (bug) {
      onBug(bug, job);
      return { kind: "failed", failure: { kind: "internal", reason: String(bug) } };
    }
  }

  const finished = Promise.all(workers.map(work)).then(() => {});
  return {
    get busy() {
      return busy;
    },
    get started() {
      return started;
    },
    workers() {
      const at = now();
      return workers.map(({ id, job, since }) => ({ id, job, sinceMs: at - since }));
    },
    finished,
  };
}
