/**
 * Shared timers, one for each length of time that any configuration has had.
 *
 * @module
 */

import { createDeadlines, type Deadlines } from "../async/deadlines.ts";

/** Timeouts by their length. */
export interface Timeouts extends Disposable {
  /** Timeouts of this many milliseconds; `Infinity` for none. */
  of(ms: number): Deadlines;
}

/** Makes a collection without any timeout. Disposing of it ends all of them. */
export function createTimeouts(): Timeouts {
  const all = new DisposableStack();
  const byMs = new Map<number, Deadlines>();
  return {
    of(ms) {
      const known = byMs.get(ms) ?? all.use(createDeadlines(ms));
      byMs.set(ms, known);
      return known;
    },
    [Symbol.dispose]: () => all.dispose(),
  };
}
