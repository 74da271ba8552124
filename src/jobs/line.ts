/**
 * The line: the bounded queue in which jobs wait for a worker. This is a contract, so that the queue may live in memory or
 * elsewhere; every implementation passes one suite of tests (`test/support/line_suite.ts`).
 *
 * The bound is on unfinished jobs: reserved places, waiting jobs and running jobs together never exceed the number of workers
 * plus the number of places to wait in. A worker asks for its next job before it settles the current one, so it is free when
 * the client gets that outcome. Therefore, clients that each wait for their answer before they post again are never refused,
 * as long as there are at most as many of them as unfinished jobs are allowed.
 *
 * A fair queue (`fair_line.ts`) has a lane for each client, with one more place to wait in; what it promises instead is there.
 *
 * A queue that lives elsewhere may refuse a job only when its place is filled (`Place.entered`).
 *
 * A worker may leave while the queue is in use. The queue asks it whether it stays, and only while no job is on its way to it.
 * Therefore, no job is lost and none changes its place because a worker leaves.
 *
 * @module
 */

import type { JobHandle, JobOutcome, JobSpec } from "./job.ts";
import type { Stop } from "./stop.ts";

/** What the queue must know about a job before it exists. */
export interface About extends Pick<JobSpec, "command"> {
  /** Name of the client in a fair queue: of its token. A queue that is not fair does not use it. */
  readonly client?: string | undefined;
  /** Whether its body is still to arrive: such places are limited (`mostArriving`). */
  readonly arriving?: boolean;
}

/**
 * How many places may be reserved for bodies that are still to arrive: half of the places to wait in or, if there are none, of
 * the workers, but at least one. So slow uploads cannot take all places.
 */
export function mostArriving({ workers, places }: Pick<LineSize, "workers" | "places">): number {
  return Math.max(1, Math.floor((places > 0 ? places : workers) / 2));
}

/** A place in the queue, for one job. */
export interface Place {
  /** Distinguishes a place from a refusal. */
  readonly reserved: true;
  /**
   * Puts the job into its place; to be called once. Resolves with the outcome; never rejects. If the place was given back, or
   * taken back by the queue, the outcome is `left`.
   */
  fill(spec: JobSpec, handle?: JobHandle): Promise<JobOutcome>;
  /**
   * Read after `fill`. Resolves when it is certain that the job is in the queue or, if it never gets there, right after its
   * outcome; never rejects. Absent if the job is in the queue as soon as `fill` returns.
   */
  readonly entered?: Promise<void> | undefined;
  /**
   * Gives the place back. A job in it is treated as one whose client has disconnected: if it waits it leaves the queue; if it
   * runs, its command is killed when its `onDisconnect` is `cancel`. Idempotent; no effect once the job is over.
   */
  leave(): void;
  /**
   * How many jobs, this one included, are taken until it is: 1 is next. 0 unless it waits. In a fair queue only those of its lane
   * count.
   */
  position(): number;
}

/** The answer when there is no place. */
export interface Refusal {
  /** Distinguishes a refusal from a place. */
  readonly reserved: false;
  /**
   * `queue_full`: all places are taken; `uploads_full`: as many bodies are still to arrive as there may be; `client_limit`: as
   * many jobs of the client wait as may (`LaneLimits.maxWaiting`); `draining`: the queue is closed; `queue_unavailable`: it lives
   * elsewhere and cannot be reached.
   */
  readonly cause: "queue_full" | "uploads_full" | "client_limit" | "draining" | "queue_unavailable";
  /** The same as `Line.waiting`. */
  readonly waiting: number;
  /** Whole seconds after which a retry is worthwhile. */
  readonly retryAfterSec: number;
}

/** A job that a worker has taken. */
export interface Lease {
  /** The job. */
  readonly spec: JobSpec;
  /** Callbacks of this process for the job; undefined for a job that entered elsewhere. */
  readonly handle: JobHandle | undefined;
  /** Seconds that the job waited; without a meaning if it is `remote`. */
  readonly queuedSec: number;
  /** Set if the job's client is connected to another machine, which measures how long the job waited. */
  readonly remote?: true | undefined;
  /** Name of that machine; absent if it is this one, or not known. */
  readonly from?: string | undefined;
  /** Receives the cause to end the run. */
  readonly stop: Stop;
  /** Process id of its command, set by the run as soon as there is one. */
  pid?: number | undefined;
  /** Reports the outcome; to be called once. The place is free before the client gets the outcome. */
  settle(outcome: JobOutcome): void;
  /**
   * Gives the job back before its run has begun: it becomes the first in the queue (or its lane) again, or leaves the queue if there is a
   * cause to end it or its client has disconnected.
   */
  release(): void;
}

/** Numbers of jobs that a forced stop interrupted. */
export interface Cut {
  /** Jobs that were running. */
  readonly running: number;
  /** Jobs that were waiting. */
  readonly waiting: number;
}

/** The size of a queue. */
export interface LineSize {
  /** Number of workers that take from it. With none, its jobs only wait. */
  readonly workers: number;
  /** Number of jobs that may wait in addition to those that the workers have taken. */
  readonly places: number;
  /** How long a job may wait, in milliseconds; `Infinity` for no limit. */
  readonly queueTimeoutMs: number;
  /**
   * The clients that have a lane in a fair queue, by their names; nobody has one if it is absent. A queue that is not fair does
   * not use it.
   */
  readonly lanes?: ReadonlyMap<string, LaneLimits> | undefined;
}

/** What one client may take of a fair queue. */
export interface LaneLimits {
  /** How many of its jobs may run at once, at least 1; `Infinity`, the default, for no limit. Further ones wait. */
  readonly maxRunning?: number | undefined;
  /**
   * How many of its jobs may wait; `Infinity`, the default, for no limit. A job waits unless it could begin at once: fewer jobs of
   * the client run than may, and a worker is idle. A reserved place counts as a job.
   */
  readonly maxWaiting?: number | undefined;
}

/** The queue, as the module's docstring describes it. */
export interface Line {
  /** Whether places are given. */
  readonly state: "open" | "closed";
  /** Number of jobs that wait for a worker, plus reserved places for which no worker is waiting. */
  readonly waiting: number;
  /** How long the first job in the queue has waited, in seconds; 0 if none waits. */
  oldestWaitSec(): number;
  /** Whole seconds, at least 1, after which a client that is refused now should retry. */
  retryAfterSec(): number;
  /** Asks for a place. If `signal` aborts, or has aborted, the client has disconnected, with the same effect as `leave`. */
  reserve(about: About, signal?: AbortSignal): Place | Refusal | Promise<Place | Refusal>;
  /**
   * Resolves with the next job; with undefined once the queue is closed and no more jobs can come. A worker calls it before it
   * settles its current job.
   *
   * It also resolves with undefined once `stays` has returned false, and then does not ask it again. `stays` is asked in the
   * call itself, and again while the worker waits: at each `recall`, and when a job that was on its way to the worker has left
   * the queue.
   */
  take(stays?: () => boolean): Promise<Lease | undefined>;
  /** Asks the `stays` of each worker that waits and has no job on its way, in the call itself. */
  recall(): void;
  /** Stops giving places. Places that were given may still be filled, and waiting jobs are still taken. Idempotent. */
  close(): void;
  /** Resolves when the queue is closed and every place that it gave was given back or has its outcome; does not reject. */
  readonly ended: Promise<void>;
  /** Closes the queue, drops every job and place that is not running, and ends the running jobs. */
  cut(): Cut;
}

/** A queue that can be resized. `Line` does not contain this, because neither a worker nor a client needs it. */
export interface ResizableLine extends Line {
  /**
   * Changes the size. A smaller queue drops nothing that it has admitted; it gives no place until fewer jobs are unfinished
   * than its new bound. Jobs that wait keep their queue timeout; the new one holds for jobs that begin to wait.
   */
  resize(size: LineSize): void;
}
