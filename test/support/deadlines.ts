/**
 * Waits without a clock.
 *
 * @module
 */

import type { Deadlines } from "../../src/async/deadlines.ts";

/** Waits whose end comes when the test says so, whatever their length. */
export function byHand(ms: number): Deadlines & {
  /** The time of all that wait is over. */
  over(): void;
  /** How many wait. */
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
