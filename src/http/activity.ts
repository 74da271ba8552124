/**
 * Counts requests in flight, so that a stop can wait for the last one.
 *
 * @module
 */

/** See the module's head. */
export interface Activity {
  /** Requests in flight now. */
  readonly active: number;
  /** Counts a request. Call the returned function when its answer was sent; it is idempotent. */
  begin(): () => void;
  /** Resolves when no request is in flight. */
  idle(): Promise<void>;
}

/** Creates a counter that starts at zero. */
export function createActivity(): Activity {
  let active = 0;
  let wake: (() => void)[] = [];
  return {
    get active() {
      return active;
    },
    begin() {
      let ended = false;
      active++;
      return () => {
        if (ended) return;
        ended = true;
        if (--active > 0) return;
        for (const resolve of wake) resolve();
        wake = [];
      };
    },
    async idle() {
      while (active > 0) await new Promise<void>((resolve) => wake.push(resolve));
    },
  };
}
