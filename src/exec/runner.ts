/**
 * What runs a command for one job: a contract, so that a process may be started for each job or be there before it. Every
 * body of it passes one suite (`test/support/runner_suite.ts`).
 *
 * @module
 */

import type { Ending, JobSpec, RunFailure } from "../jobs/job.ts";
import type { Stop } from "../jobs/stop.ts";
import type { RunFiles } from "../spool/workspace.ts";

/** What happens in a run, in its order: at most one `started`, pieces of both streams, one `ended` in the end. */
export type RunEvent =
  | {
    /** The command has a process. */
    readonly kind: "started";
    /** Its id. */
    readonly pid: number;
  }
  | {
    /** The command put something out. */
    readonly kind: "stdout" | "stderr";
    /** Some bytes; the memory they lie in is used again when the listener returns. */
    readonly bytes: Uint8Array<ArrayBuffer>;
  }
  | {
    /** The run is over. */
    readonly kind: "ended";
    /** How. */
    readonly end: RunEnd;
  };

/** Called with each event of a run. It must not throw. */
export type RunListener = (event: RunEvent) => void;

/** How a run of the command ended, or why the server could not even try. */
export type RunEnd =
  | {
    readonly ok: true;
    readonly ending: Ending;
    /** Seconds from the start of the command to its end. */
    readonly elapsedSec: number;
    /** Process id that the command had; absent when it did not start. */
    readonly pid?: number;
  }
  | { readonly ok: false; readonly failure: RunFailure };

/** One run, as its runner needs to know of it. */
export interface RunOrder {
  /** The job. Its payload is in the request file. */
  readonly spec: Pick<JobSpec, "id" | "timeoutSec">;
  /** Number of the worker. */
  readonly workerId: number;
  /** The job's folder and the two files of the contract. */
  readonly files: RunFiles;
  /** Variables for this one run, over those that every run gets. */
  readonly variables: Readonly<Record<string, string>>;
  /** Receives the cause to end it; closed when the command has ended. */
  readonly stop: Stop;
}

/** See the module's head. */
export interface Runner {
  /**
   * Runs the command and resolves, after the event `ended`, with the end that it has. Then no event follows and nothing of the
   * run is left running, except what a command that ended by itself has left on purpose. Never rejects for what a command does.
   */
  run(order: RunOrder, tell: RunListener): Promise<RunEnd>;
}
