/**
 * Counts requests in flight, so that a stop can wait for the last one.
 *
 * @module
 */

/** See the module's head. */
export interface Activity {
  /** Requests on their way now. */
  readonly active: number;
  /** A request begins; call what is returned when its answer was handed over. Idempotent. */
  begin(): () => void;
  /** Resolves when nothing is on its way. */
  idle(): Promise<void>;
}

/** Counts from zero. */
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
