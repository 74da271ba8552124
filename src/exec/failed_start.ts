/**
 * The end of a run whose command could not be started.
 *
 * @module
 */

import type { RunFailure } from "../jobs/job.ts";
import { type NotStarted, spawnFailure } from "./not_started.ts";
import type { RunEnd } from "./runner.ts";
import { LauncherError } from "./start.ts";

/** The end of a run, from what `spawnFailure` or `launchFailure` said. */
export function couldNotStart(failure: NotStarted | RunFailure, elapsedSec: number): RunEnd {
  return failure.kind === "not_started"
    ? { ok: true, ending: failure, elapsedSec }
    : { ok: false, failure };
}

/** The same from an error of `startCommand`. */
export function failedStart(error: unknown, program: string, elapsedSec: number): RunEnd {
  const failure = error instanceof LauncherError
    ? { kind: "spawn_refused" as const, reason: error.message }
    : spawnFailure(error, program);
  return couldNotStart(failure, elapsedSec);
}
