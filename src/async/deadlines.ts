/**
 * Many timeouts of equal length that share one timer.
 *
 * @module
 */

/** See the module's head. */
export interface Deadlines {
  /** Milliseconds of each wait; `Infinity` for no end. */
  readonly ms: number;
  /** Calls `onOver` once the time is over, unless what is returned was called before. Idempotent. */
  start(onOver: () => void): () => void;
}

/**
 * Waits of `ms` each; `Infinity` never ends. `now` is a monotonic clock in milliseconds. Disposed of, it calls nothing any
 * more.
 */
export function createDeadlines(
  ms: number,
  now: () => number = () => performance.now(),
): Deadlines & Disposable {
  // In the order of their ends, since all of them are of the same length.
  const waits = new Set<{ readonly end: number; readonly onOver: () => void }>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  function end(): void {
    const time = now();
    try {
      for (const wait of waits) {
        // What an `onOver` has started is among them.
        if (wait.end > time) break;
        waits.delete(wait);
        wait.onOver();
      }
    } finally {
      const [next] = waits;
      timer = next && setTimeout(end, Math.max(0, next.end - time));
    }
  }

  return {
    ms,
    start(onOver) {
      if (ms === Infinity) return () => {};
      const wait = { end: now() + ms, onOver };
      waits.add(wait);
      timer ??= setTimeout(end, ms);
      return () => void waits.delete(wait);
    },
    [Symbol.dispose]() {
      waits.clear();
      clearTimeout(timer);
    },
  };
}
