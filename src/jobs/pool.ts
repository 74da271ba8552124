/**
 * N workers: each is a loop over the same queue and runs one job at a time.
 *
 * @module
 */

import type { JobOutcome } from "./job.ts";
import type { Lease, Line } from "./line.ts";

/** A job that a worker has taken, as others may see it. */
export type RunningJob = Pick<
  Lease,
  "spec" | "handle" | "queuedSec" | "remote" | "from" | "stop" | "pid"
>;

/** A worker as others may see it. */
export interface WorkerState {
  /**
   * Number from 1 to N, without gaps, exclusive to this worker until it has ended. A worker that leaves after its job has a
   * number above N.
   */
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
  /** A snapshot of all workers, in the order of their ids, with those that leave until they have ended. */
  workers(): readonly WorkerState[];
  /**
   * Changes the number of workers. A larger pool starts workers with the next ids. A smaller one loses the workers
   * with the highest ids: those that wait for a job at once, the others after their job, unless the pool has grown again by
   * then.
   */
  resize(size: number): void;
  /** Resolves when the queue has ended and every worker that there has been has finished its last job. */
  readonly finished: Promise<void>;
}

/** The parts of a pool. */
export interface PoolSettings {
  /** Number of workers; 0 if the jobs are run elsewhere. */
  readonly size: number;
  /** The queue that jobs are taken from. */
  readonly line: Pick<Line, "take" | "recall" | "ended">;
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
  /** Whether its loop is over because the queue is closed. */
  ended: boolean;
}

/** Starts the workers. `now` is a monotonic clock in milliseconds. */
export function startPool(
  { size, line, run, onBug }: PoolSettings,
  now: () => number = () => performance.now(),
): Pool {
  const workers = new Map<number, Worker>();
  const finished = Promise.withResolvers<void>();
  let wanted = size;
  let working = 0;
  let isOver = false;
  let busy = 0;
  let started = 0;

  function startMissing(): void {
    for (let id = 1; id <= wanted; id++) {
      if (workers.has(id)) continue;
      const worker: Worker = { id, job: undefined, since: now(), ended: false };
      workers.set(id, worker);
      working++;
      work(worker).then(() => {
        working--;
        finishIfOver();
      }, finished.reject);
    }
  }

  // Without workers nobody would get to know from `take` that the queue has ended.
  function finishIfOver(): void {
    if (isOver && working === 0) finished.resolve();
  }

  async function work(worker: Worker): Promise<void> {
    // The queue gives no job to a worker that does not stay, so another one may have its id at once.
    const stays = () => {
      if (worker.id <= wanted) return true;
      workers.delete(worker.id);
      return false;
    };
    let lease = await line.take(stays);
    while (lease) {
      worker.job = lease;
      worker.since = now();
      busy++;
      started++;
      let outcome: JobOutcome;
      try {
        outcome = await run(lease, worker.id);
      } catch (bug) {
        onBug(bug, lease);
        outcome = { kind: "failed", failure: { kind: "internal", reason: String(bug) } };
      }
      worker.job = undefined;
      worker.since = now();
      busy--;
      // A client that gets the outcome may request a place at once, and this worker must be free then.
      const next = line.take(stays);
      lease.settle(outcome);
      lease = await next;
    }
    worker.ended = true;
  }

  startMissing();
  void line.ended.then(() => {
    isOver = true;
    finishIfOver();
  });
  return {
    get busy() {
      return busy;
    },
    get started() {
      return started;
    },
    workers() {
      const at = now();
      return [...workers.values()]
        .filter(({ id, ended }) => id <= wanted || !ended)
        .sort((one, other) => one.id - other.id)
        .map(({ id, job, since }) => ({ id, job, sinceMs: at - since }));
    },
    resize(size) {
      wanted = size;
      line.recall();
      startMissing();
    },
    finished: finished.promise,
  };
}
