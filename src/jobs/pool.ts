/**
 * N workers, each one loop over the same channel, one job at a time.
 *
 * @module
 */

import type { Channel } from "../async/channel.ts";

/** One worker as others may see it. */
export interface WorkerState<T> {
  /** 1 to N, without gaps, stable for the life of the pool. */
  readonly id: number;
  /** The job in hand; undefined while idle. */
  readonly job: T | undefined;
  /** Milliseconds since the worker took its job, or since it became idle. */
  readonly sinceMs: number;
}

/** A running pool. */
export interface Pool<T> {
  /** Workers in all. */
  readonly size: number;
  /** Workers that hold a job now. */
  readonly busy: number;
  /** Jobs taken since the start. */
  readonly started: number;
  /** A snapshot of every worker, in the order of their ids. */
  workers(): readonly WorkerState<T>[];
  /**
   * Whole seconds, at least 1, after which the job at `place` in the line can be expected to have found a worker:
   * the mean of the recent run times × place ÷ workers; 1 while nothing has been measured.
   */
  expectedWaitSec(place: number): number;
  /** Resolves when the channel was closed and every worker has finished its last job. Closes nothing itself. */
  readonly finished: Promise<void>;
}

/** How many of the latest runs weigh in the mean. */
const meanWindow = 32;

/**
 * Starts `size` workers that call `run` for each job of `channel`.
 *
 * `run` must not throw: endings are data. If it does all the same, that is a bug; `onBug` hears of it and the worker goes on.
 * `now` gives milliseconds that never go back.
 */
export function startPool<T>(
  { size, channel, run, onBug, now = () => performance.now() }: {
    readonly size: number;
    readonly channel: Channel<T>;
    readonly run: (job: T, workerId: number) => Promise<void>;
    readonly onBug: (bug: unknown, job: T) => void;
    readonly now?: () => number;
  },
): Pool<T> {
  const states = Array.from({ length: size }, (_, index) => ({
    id: index + 1,
    job: undefined as T | undefined,
    since: now(),
  }));
  let busy = 0;
  let started = 0;
  let measured = 0;
  let meanMs = 0;

  async function work(state: typeof states[number]): Promise<void> {
    for await (const job of channel) {
      const startedAt = now();
      state.job = job;
      state.since = startedAt;
      busy++;
      started++;
      try {
        await run(job, state.id);
      } catch (bug) {
        onBug(bug, job);
      }
      const endedAt = now();
      busy--;
      state.job = undefined;
      state.since = endedAt;
      measured = Math.min(measured + 1, meanWindow);
      meanMs += (endedAt - startedAt - meanMs) / measured;
    }
  }

  const finished = Promise.all(states.map(work)).then(() => {});
  return {
    size,
    get busy() {
      return busy;
    },
    get started() {
      return started;
    },
    workers() {
      const at = now();
      return states.map(({ id, job, since }) => ({ id, job, sinceMs: at - since }));
    },
    expectedWaitSec: (place) => Math.max(1, Math.ceil(meanMs * place / size / 1000)),
    finished,
  };
}
