/**
 * Holds the reason to end a run. The first cause wins; after the run is over none counts.
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
  return new Slot();
}

/** A class, because every job has one: an object literal with getters makes new functions each time. */
class Slot implements Stop {
  #cause: Cause | undefined;
  #closed = false;
  #listener: (() => void) | undefined;

  get cause(): Cause | undefined {
    return this.#cause;
  }

  request(wanted: Cause): boolean {
    if (this.#closed || this.#cause) return false;
    this.#cause = wanted;
    this.#listener?.();
    return true;
  }

  onRequest(act: () => void): void {
    this.#listener = act;
    if (this.#cause) act();
  }

  close(): void {
    this.#closed = true;
    this.#listener = undefined;
  }
}
