/**
 * The queue timeouts of a queue: how long its jobs may wait. Their length may change while jobs wait.
 *
 * @module
 */

import { createDeadlines, type OwnDeadlines } from "../async/deadlines.ts";

/** Queue timeouts. Once they are disposed of, none ends any more. */
export interface QueueTimeouts extends Disposable {
  /** Calls `onOver` after the timeout, unless the returned function, which is idempotent, was called before. */
  start(onOver: () => void): () => void;
  /** Sets the length, in milliseconds, of timeouts that start from now on; `Infinity` for no limit. */
  change(ms: number): void;
}

/** Makes queue timeouts of `ms` milliseconds, measured with the monotonic clock `now`. */
export function createQueueTimeouts(ms: number, now: () => number): QueueTimeouts {
  let current = createDeadlines(ms, now);
  /** Those of another length, which hold for jobs that began to wait before the change. */
  const earlier = new Set<OwnDeadlines>();

  function drop(timeouts: OwnDeadlines): void {
    timeouts[Symbol.dispose]();
    earlier.delete(timeouts);
  }

  return {
    start: (onOver) => current.start(onOver),
    change(ms) {
      if (ms === current.ms) return;
      earlier.add(current);
      for (const timeouts of earlier) {
        if (timeouts.waiting === 0) drop(timeouts);
      }
      current = createDeadlines(ms, now);
    },
    [Symbol.dispose]() {
      for (const timeouts of earlier) drop(timeouts);
      current[Symbol.dispose]();
    },
  };
}
