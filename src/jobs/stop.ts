/**
 * Holds the cause to end a run. The first cause wins; once the run is over, none counts.
 *
 * @module
 */

import type { Cause } from "./job.ts";

/** A slot for the cause to end one run. */
export interface Stop {
  /** The cause that counts; undefined while there is none. */
  readonly cause: Cause | undefined;
  /** Sets the cause, unless there is one or the run is over. */
  request(cause: Cause): void;
  /** Calls `act` once there is a cause: at once, later, or never. There is one listener at most. */
  onRequest(act: () => void): void;
  /** Marks the run as over: later causes do not count. */
  close(): void;
}

/** Makes an empty slot. */
export function createStop(): Stop {
  return new Slot();
}

/** A class, because every job has one: an object literal with getters creates new functions each time. */
class Slot implements Stop {
  #cause: Cause | undefined;
  #closed = false;
  #listener: (() => void) | undefined;

  get cause(): Cause | undefined {
    return this.#cause;
  }

  request(wanted: Cause): void {
    if (this.#closed || this.#cause) return;
    this.#cause = wanted;
    this.#listener?.();
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
