/**
 * Measures the latest runs, and estimates from them how long a job will wait for a worker.
 *
 * @module
 */

/** The measured times of the latest runs. */
export interface RunTimes {
  /** Mean of the latest runs in milliseconds; 0 while nothing has been measured. */
  readonly meanMs: number;
  /** Adds the time of a run in milliseconds. */
  add(ms: number): void;
  /**
   * Whole seconds, at least 1, after which the job at `place` in the queue (1 is next) can be expected to have a worker: the
   * mean of the latest runs × place ÷ workers; 1 while nothing has been measured, and without workers.
   */
  expectedWaitSec(place: number, workers: number): number;
}

/** Number of runs that weigh in the mean. */
const meanWindow = 32;

/** Makes a record in which nothing has been measured yet. */
export function createRunTimes(): RunTimes {
  let measured = 0;
  let meanMs = 0;
  return {
    get meanMs() {
      return meanMs;
    },
    add(ms) {
      measured = Math.min(measured + 1, meanWindow);
      meanMs += (ms - meanMs) / measured;
    },
    expectedWaitSec: (place, workers) =>
      workers > 0 ? Math.max(1, Math.ceil(meanMs * place / workers / 1000)) : 1,
  };
}
