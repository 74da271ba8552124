/**
 * The line: the bounded order in which jobs get a worker. A contract, so that it may live in memory or elsewhere; every body
 * of it passes one suite (`test/support/line_suite.ts`).
 *
 * The bound is on unfinished jobs: places that are reserved, jobs that wait and jobs that run are together never more than
 * the workers and the places to wait in. A worker that asks for its next job before it settles the one it has is free when
 * a client gets that outcome, so as many clients as there may be unfinished jobs, each waiting for its answer, are never
 * refused.
 *
 * @module
 */

import type { JobHandle, JobOutcome, JobSpec } from "./job.ts";
import type { Stop } from "./stop.ts";

/** What a line must know of a job before there is one. */
export type About = Pick<JobSpec, "command">;

/** A place in the line, for one job. */
export interface Place {
  /** Tells it from a refusal. */
  readonly reserved: true;
  /**
   * Puts the job in, once. Resolves with its outcome; never rejects. A place that was given back, or that the line took
   * back, has the outcome `left`.
   */
  fill(spec: JobSpec, handle?: JobHandle): Promise<JobOutcome>;
  /**
   * Gives the place back. A job that is in it counts as one whose client is gone: it leaves the line, or its run is ended if
   * it wants that. Idempotent; no effect once the job is over.
   */
  leave(): void;
}

/** No place. */
export interface Refusal {
  /** Tells it from a place. */
  readonly reserved: false;
  /** All places are taken, or the line is closed. */
  readonly cause: "queue_full" | "draining";
  /** As `Line` has it. */
  readonly waiting: number;
  /** Whole seconds after which a retry is worthwhile. */
  readonly retryAfterSec: number;
}

/** A job in the hands of a worker. */
export interface Lease {
  /** The job. */
  readonly spec: JobSpec;
  /** What this process holds for it; absent when it came in elsewhere. */
  readonly handle: JobHandle | undefined;
  /** Seconds it waited. */
  readonly queuedSec: number;
  /** Receives the cause to end its run. */
  readonly stop: Stop;
  /** Reports its outcome, once. Its place is free before its client gets the outcome. */
  settle(outcome: JobOutcome): void;
  /** Gives it back without having begun its run: it is the first in the line again, or leaves it if a cause has come in or its client is gone. */
  release(): void;
}

/** Jobs that were cut. */
export interface Cut {
  /** Jobs that were running. */
  readonly running: number;
  /** Jobs that were waiting. */
  readonly waiting: number;
}

/** See the module's head. */
export interface Line {
  /** Whether places are given. */
  readonly state: "open" | "closed";
  /** Jobs that wait for a worker, and places that are still to be filled and have none waiting for them. */
  readonly waiting: number;
  /** How long the first job in the line has waited, in seconds; 0 when none waits. */
  oldestWaitSec(): number;
  /** Whole seconds, at least 1, after which a client that is refused now may come back. */
  retryAfterSec(): number;
  /** Asks for a place. When `signal` aborts, or has aborted, its client is gone, as with `leave`. */
  reserve(about: About, signal?: AbortSignal): Place | Refusal | Promise<Place | Refusal>;
  /**
   * Resolves with the next job; with nothing when the line is closed and no job can come any more. A worker calls it before it
   * settles the job that it has.
   */
  take(): Promise<Lease | undefined>;
  /** Gives no more places. Those that were given may still be filled, and what waits is still taken. Idempotent. */
  close(): void;
  /** Closes the line, lets whatever does not run leave it, and ends what runs. */
  cut(): Cut;
}
