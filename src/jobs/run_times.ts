/**
 * What the latest runs took, and from it when a place in a line can be expected to have found a worker.
 *
 * @module
 */

/** See the module's head. */
export interface RunTimes {
  /** A run took so many milliseconds. */
  add(ms: number): void;
  /**
   * Whole seconds, at least 1, after which the job at `place` of a line (1 is next) can be expected to have found one of so
   * many workers: the mean of the latest runs × place ÷ workers; 1 while nothing has been measured.
   */
  expectedWaitSec(place: number, workers: number): number;
}

/** How many of the latest runs weigh in the mean. */
const meanWindow = 32;

/** Nothing has been measured. */
export function createRunTimes(): RunTimes {
  let measured = 0;
  let meanMs = 0;
  return {
    add(ms) {
      measured = Math.min(measured + 1, meanWindow);
      meanMs += (ms - meanMs) / measured;
    },
    expectedWaitSec: (place, workers) => Math.max(1, Math.ceil(meanMs * place / workers / 1000)),
  };
}
