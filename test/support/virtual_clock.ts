/**
 * Time that goes by when a test says so.
 *
 * @module
 */

import { setImmediate } from "node:timers";

/** A clock, and timers that go by it. */
export interface Clock {
  /** Milliseconds since some moment; it never goes back. */
  now(): number;
  /** Calls `act` after so many milliseconds, unless the returned function, which is idempotent, was called before. */
  after(ms: number, act: () => void): () => void;
}

/** A clock that a test moves. */
export interface VirtualClock extends Clock {
  /** Number of timers that have not ended. */
  readonly timers: number;
  /**
   * Lets so many milliseconds go by. Timers end in their order; what one causes has happened before the next one ends, and before
   * this resolves.
   */
  pass(ms: number): Promise<void>;
}

/** The real time. */
export const realClock: Clock = {
  now: () => performance.now(),
  after(ms, act) {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
};

/** As `nextTurn`, which takes a millisecond or two: the time that many timers take is that of their turns. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Makes a clock that shows one second. */
export function createVirtualClock(): VirtualClock {
  const timers = new Set<{ readonly end: number; readonly act: () => void }>();
  let now = 1000;

  function firstUntil(end: number) {
    let first: { readonly end: number; readonly act: () => void } | undefined;
    for (const timer of timers) {
      if (timer.end <= end && !(first && first.end <= timer.end)) first = timer;
    }
    return first;
  }

  return {
    get timers() {
      return timers.size;
    },
    now: () => now,
    after(ms, act) {
      const timer = { end: now + ms, act };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    async pass(ms) {
      const end = now + ms;
      await nextTurn();
      for (let timer = firstUntil(end); timer; timer = firstUntil(end)) {
        timers.delete(timer);
        now = timer.end;
        timer.act();
        await nextTurn();
      }
      now = end;
    },
  };
}
