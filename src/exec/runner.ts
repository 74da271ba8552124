/**
 * The contract of what runs a command for one job, so that a process may be started for each job or in advance. Every
 * implementation passes one suite of tests (`test/support/runner_suite.ts`).
 *
 * @module
 */

import type { Ending, JobSpec, RunFailure } from "../jobs/job.ts";
import type { Stop } from "../jobs/stop.ts";
import type { RunFiles } from "../spool/workspace.ts";

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
    /** Seconds from the start of the command to its end. */
    readonly elapsedSec: number;
    /** Process id of the command; absent if it did not start. */
    readonly pid?: number;
  }
  | { readonly ok: false; readonly failure: RunFailure };

/** What a runner needs to know about one run. */
export interface RunOrder {
  /** The job, whose payload is in the request file. */
  readonly spec: Pick<JobSpec, "id" | "timeoutSec" | "request">;
  /** Number of the worker. */
  readonly workerId: number;
  /** The job's folder and the two files of the contract. */
  readonly files: RunFiles;
  /** Variables for this run only; they override those that every run gets. */
  readonly variables: Readonly<Record<string, string>>;
  /** Receives the cause to end the run; closed once the command has ended. */
  readonly stop: Stop;
}

/** Runs a command, as the module's docstring describes it. */
export interface Runner {
  /**
   * Runs the command and resolves, after the event `ended`, with the end that this event holds. No event follows, and no process
   * of the run is left, apart from daemons of a command that ended by itself. Never rejects because of what a command does.
   */
  run(order: RunOrder, onEvent: RunListener): Promise<RunEnd>;
}
