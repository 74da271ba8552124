/**
 * The contract of what runs a command for one job, so that a process may be started for each job or in advance. Every
 * implementation passes one suite of tests (`test/support/runner_suite.ts`).
 *
 * @module
 */

import type { Ending, JobInput, JobSpec, RunFailure } from "../jobs/job.ts";
import type { Stop } from "../jobs/stop.ts";
import type { Workspace } from "../spool/workspace.ts";

/** An event of a run. They come in this order: at most one `started`, pieces of both streams, and one `ended`. */
export type RunEvent =
  | {
    /** The command has a process. */
    readonly kind: "started";
    /** Process id of the command. */
    readonly pid: number;
  }
  | {
    /** The command wrote output. */
    readonly kind: "stdout" | "stderr";
    /** The bytes; their memory is reused when the listener is done. */
    readonly bytes: Uint8Array<ArrayBuffer>;
  }
  | {
    /** The run is over. */
    readonly kind: "ended";
    /** How it ended. */
    readonly end: RunEnd;
  };

/**
 * Called with each event of a run. It must not throw. If it returns a promise, which must not reject, no further piece of the
 * same stream is read until that has resolved, and the memory of the piece is not reused before.
 */
export type RunListener = (event: RunEvent) => void | Promise<void>;

/** How a run of the command ended, or why the server could not attempt it. */
export type RunEnd =
  | {
    readonly ok: true;
    readonly ending: Ending;
    /** Seconds from the start of the command to its end; if its process was there before, from the moment it got the job. */
    readonly elapsedSec: number;
    /** Process id of the command; absent if it did not start. */
    readonly pid?: number;
    /** The jobs of a process that serves several, this one included; absent if it serves one. */
    readonly processJobs?: number;
    /** Whether the process was there before the job. */
    readonly warm?: boolean;
    /** A sentence for the client; absent without one. */
    readonly message?: string;
  }
  | { readonly ok: false; readonly failure: RunFailure };

/** What a runner needs to know about one run. */
export interface RunOrder {
  /** The job, whose payload is in the request file. */
  readonly spec: Pick<JobSpec, "id" | "timeoutSec" | "request">;
  /** Variables for this run only; they override those that every run gets. */
  readonly variables: Readonly<Record<string, string>>;
  /** Receives the cause to end the run; closed once the command has ended. */
  readonly stop: Stop;
}

/** A job as its files are made: before the rest of it is needed. */
export interface RunAbout {
  /** The client's id. */
  readonly id: string;
  /** Number of the worker. */
  readonly workerId: number;
}

/** Runs a command, as the module's docstring describes it. */
export interface Runner {
  /**
   * Puts the payload of a job into its file. Rejects with errors of the file system; then nothing of the job is left. The runs
   * that are prepared for one worker do not overlap: the files of one are removed before the next is prepared.
   */
  prepare(input: JobInput, about: RunAbout): Promise<PreparedRun>;
  /**
   * To be called each time that a worker is done with a run: after its files were removed, or after a `prepare` that rejected.
   * Absent if that makes no difference.
   */
  release?(workerId: number): void;
}

/** A run whose files are there. */
export interface PreparedRun {
  /** The job's folder and the two files of the contract. After `remove`, which must be called, nothing of the job is left there. */
  readonly files: Workspace;
  /**
   * Runs the command, once, and resolves, after the event `ended`, with the end that this event holds. No event follows, and no
   * process of the run is left, apart from daemons of a command that ended by itself and from a process that serves further
   * jobs. Never rejects because of what a command does.
   */
  run(order: RunOrder, onEvent: RunListener): Promise<RunEnd>;
}
