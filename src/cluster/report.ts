/**
 * What the machines of a group report for metrics and the log.
 *
 * @module
 */

import type { JobSpec, Names } from "../jobs/job.ts";

/** A job of this machine's client that another machine has run. */
export interface RemoteRun {
  /** The job. */
  readonly spec: JobSpec;
  /** Its command and pool; undefined without a configuration file. */
  readonly names: Names | undefined;
  /** Seconds that it waited in the queue. */
  readonly queuedSec: number;
  /** Seconds since it entered the queue. */
  readonly totalSec: number;
}

/** A step between machines whose time is measured. */
export type Hop = "publish" | "claim" | "result";

/** What becomes of a question whether a job may be run. */
export type ClaimResult = "run" | "held" | "gone" | "lost";

/** What can be reported. A pool is named by its name. */
export interface ClusterReport {
  /** This machine, as a front, has answered a question about a job. */
  claimed(pool: string, answer: ClaimResult): void;
  /** The result of a job that ran on another machine was taken: once for each job, whatever happened to it before. */
  ranElsewhere(run: RemoteRun): void;
  /** A message was offered to this machine that had been offered before. */
  redelivered(pool: string): void;
  /** This machine has put a job of its own into the queue anew, because its message was gone. */
  republished(pool: string): void;
  /** A result of this machine was not wanted, or could not be delivered. */
  unclaimed(pool: string): void;
  /** A step took so many seconds. */
  hop(hop: Hop, seconds: number): void;
  /** A message could not be understood; `detail` says what it was. */
  misunderstood(detail: string): void;
  /** A job was lost: the machine that ran it is dead, and no other may run it. */
  lost(pool: string, uid: string, node: string | undefined): void;
}
