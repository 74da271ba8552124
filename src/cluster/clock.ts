/**
 * The time of this room, which a test can replace, and its timers.
 *
 * @module
 */

/** A monotonic clock. */
export interface Clock {
  /** The time in milliseconds. */
  now(): number;
  /** Calls `act` after so many milliseconds, unless the returned function, which is idempotent, was called before. */
  after(ms: number, act: () => void): () => void;
}

/** The clock of the runtime. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, act) {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  },
};

/** A clock whose timers can be ended all at once. */
export interface EndableClock extends Clock {
  /** Ends all timers, and those that are still to come: what waits for them goes on waiting. */
  end(): void;
}

/** Makes a clock of another one. */
export function endable(clock: Clock): EndableClock {
  const timers = new Set<() => void>();
  let ended = false;
  return {
    now: () => clock.now(),
    after(ms, act) {
      if (ended) return () => {};
      const stop = clock.after(ms, () => {
        timers.delete(stop);
        act();
      });
      timers.add(stop);
      return () => {
        timers.delete(stop);
        stop();
      };
    },
    end() {
      ended = true;
      for (const stop of timers) stop();
      timers.clear();
    },
  };
}

/** Resolves after so many milliseconds. */
export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.after(ms, resolve));
}

/** Resolves when `done` does, also if that rejects, and at the latest after so many milliseconds. */
export function within(clock: Clock, ms: number, done: Promise<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const stop = clock.after(ms, resolve);
    const finish = () => {
      stop();
      resolve();
    };
    done.then(finish, finish);
  });
}
