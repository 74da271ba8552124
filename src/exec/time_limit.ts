/**
 * How long a command may run.
 *
 * @module
 */

import { longestTimerSec } from "../async/longest_timer.ts";
import type { Stop } from "../jobs/stop.ts";

/** The longest time limit for a command, in milliseconds. */
const longestMs = longestTimerSec * 1000;

/**
 * The shorter one of the server's limit and that of the request, in whole milliseconds, at least 1; `Infinity` if there is none.
 */
export function timeoutMsOf(jobTimeoutMs: number, askedSec: number | undefined): number {
  const askedMs = askedSec === undefined ? Infinity : Math.min(askedSec * 1000, longestMs);
  const ms = Math.min(jobTimeoutMs, askedMs);
  return ms === Infinity ? ms : Math.max(1, Math.round(ms));
}

const noTimeout = () => {};

/** Requests the end of a run after this time. Returns what ends that. */
export function startTimeout(ms: number, stop: Stop): () => void {
  if (ms === Infinity) return noTimeout;
  const timer = setTimeout(() => stop.request("timed_out"), ms);
  return () => clearTimeout(timer);
}
