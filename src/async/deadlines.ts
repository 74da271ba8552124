/**
 * Many timeouts of equal length that share one timer.
 *
 * @module
 */

/** Timeouts, as the module's docstring describes them. */
export interface Deadlines {
  /** The timeout in milliseconds; `Infinity` for none. */
  readonly ms: number;
  /** Calls `onOver` after the timeout, unless the returned function, which is idempotent, was called before. */
  start(onOver: () => void): () => void;
}

/** Timeouts of one's own, to be disposed of: then no `onOver` is called any more. */
export interface OwnDeadlines extends Deadlines, Disposable {
  /** Number of timeouts that may still end. */
  readonly waiting: number;
}

/**
 * Makes timeouts of `ms` milliseconds each; with `Infinity` none ever ends. `now` is a monotonic clock in milliseconds.
 * `whenEmpty`: whether the timer is kept while nothing waits, which costs less if only one waits at a time, or is cleared, so that
 * nothing need be disposed of.
 */
export function createDeadlines(
  ms: number,
  now: () => number = () => performance.now(),
  whenEmpty: "keep" | "clear" = "keep",
): OwnDeadlines {
  // In the order of their ends, since all of them have the same length.
  const waits = new Set<{ readonly end: number; readonly onOver: () => void }>();
  let timer: ReturnType<typeof setTimeout> | undefined;

  function end(): void {
    const time = now();
    try {
      for (const wait of waits) {
        // Also reached for a timeout that an `onOver` has just started.
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
    get waiting() {
      return waits.size;
    },
    start(onOver) {
      if (ms === Infinity) return () => {};
      const wait = { end: now() + ms, onOver };
      waits.add(wait);
      timer ??= setTimeout(end, ms);
      return () => {
        waits.delete(wait);
        if (whenEmpty === "keep" || waits.size > 0) return;
        clearTimeout(timer);
        timer = undefined;
      };
    },
    [Symbol.dispose]() {
      waits.clear();
      clearTimeout(timer);
    },
  };
}
