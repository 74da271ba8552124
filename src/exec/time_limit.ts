/**
 * How long a command may run.
 *
 * @module
 */

import { createDeadlines, type Deadlines } from "../async/deadlines.ts";
import { longestTimerSec } from "../async/longest_timer.ts";
import type { Stop } from "../jobs/stop.ts";

/** The longest time limit for a command, in milliseconds. */
const longestMs = longestTimerSec * 1000;

/**
 * The shorter one of the server's limit and that of the request, in whole milliseconds, at least 1; `Infinity` if there is none.
 */
function timeoutMsOf(jobTimeoutMs: number, askedSec: number | undefined): number {
  const askedMs = askedSec === undefined ? Infinity : Math.min(askedSec * 1000, longestMs);
  const ms = Math.min(jobTimeoutMs, askedMs);
  return ms === Infinity ? ms : Math.max(1, Math.round(ms));
}

const noTimeout = () => {};

/** The time limit of a command. Its runs share one timer, since one for each would cost 2 to 4 µs a job. */
export class TimeLimit {
  readonly #shared: Deadlines;

  /** The limit in milliseconds; `Infinity` for none. */
  constructor(jobTimeoutMs: number) {
    this.#shared = createDeadlines(timeoutMsOf(jobTimeoutMs, undefined), undefined, "clear");
  }

  /** How long a run may take whose request asks for this limit; see `timeoutMsOf`. */
  msOf(askedSec: number | undefined): number {
    return timeoutMsOf(this.#shared.ms, askedSec);
  }

  /** Requests the end of a run after this time, which `msOf` has returned. Returns what ends that. */
  start(ms: number, stop: Stop): () => void {
    if (ms === Infinity) return noTimeout;
    const end = () => stop.request("timed_out");
    if (ms === this.#shared.ms) return this.#shared.start(end);
    const timer = setTimeout(end, ms);
    return () => clearTimeout(timer);
  }
}
