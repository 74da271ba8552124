/**
 * Timeouts without a clock.
 *
 * @module
 */

import type { Deadlines } from "../../src/async/deadlines.ts";

/** Timeouts that expire when the test calls `over`, whatever their length. */
export function byHand(ms: number): Deadlines & {
  /** Lets all pending timeouts expire. */
  over(): void;
  /** Number of pending timeouts. */
  readonly waiting: number;
} {
  const waits = new Set<() => void>();
  return {
    ms,
    start(onOver) {
      const wait = () => {
        waits.delete(wait);
        onOver();
      };
      waits.add(wait);
      return () => void waits.delete(wait);
    },
    over: () => [...waits].forEach((wait) => wait()),
    get waiting() {
      return waits.size;
    },
  };
}
