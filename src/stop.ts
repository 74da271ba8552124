/**
 * One slot for the reason to end a run: the first cause that is put in wins, and only before the run is over.
 *
 * @module
 */

import type { Cause } from "./job.ts";

/** See the module's head. */
export interface Stop {
  /** The cause, if there is one. */
  readonly cause: Cause | undefined;
  /** Puts a cause in; says whether it was the first and in time. */
  request(cause: Cause): boolean;
  /** Calls `act` as soon as there is a cause: now, later, or never. One listener. */
  onRequest(act: () => void): void;
  /** The run is over: no cause counts any more. */
  close(): void;
}

/** An empty slot. */
export function createStop(): Stop {
  let cause: Cause | undefined;
  let closed = false;
  let listener: (() => void) | undefined;
  return {
    get cause() {
      return cause;
    },
    request(wanted) {
      if (closed || cause) return false;
      cause = wanted;
      listener?.();
      return true;
    },
    onRequest(act) {
      listener = act;
      if (cause) act();
    },
    close() {
      closed = true;
      listener = undefined;
    },
  };
}
