/**
 * The words for processes that are started before their job. This file does no I/O.
 *
 * @module
 */

/** Why a warm process was started, each with its meaning in Markdown. */
export const warmStarts = {
  boot: "The server started, or got the command or another worker with a new configuration.",
  ahead: "The process before it had ended, or served the job of another command.",
  job: "A job came and there was no process: a cold start.",
} as const satisfies Readonly<Record<string, string>>;

/** Why a warm process ended, each with its meaning in Markdown. */
export const warmEnds = {
  job: "It exited at the end of a job.",
  leaving: "It ended a job with `leaving`.",
  recycled:
    "jobrunner ended it between two jobs: for its age, its number of jobs, damaged files, a new configuration, another command or the stop.",
  idle_death: "It exited while it had no job.",
  caused: "jobrunner killed it with its job: timeout, disconnected client or forced stop.",
  protocol:
    "It did not keep to the protocol, so jobrunner killed it: one end line was missing, or it wrote between two jobs.",
} as const satisfies Readonly<Record<string, string>>;

/** Why a warm process was started. */
export type WarmStart = keyof typeof warmStarts;

/** Why a warm process ended. */
export type WarmEnd = keyof typeof warmEnds;

/** All reasons for a start, in the order of the table. */
export const warmStartReasons: readonly WarmStart[] = Object.keys(warmStarts) as WarmStart[];

/** All reasons for an end, in the order of the table. */
export const warmEndReasons: readonly WarmEnd[] = Object.keys(warmEnds) as WarmEnd[];

/** A warm process as others may see it. */
export interface WarmState {
  /** Its process id. */
  readonly pid: number;
  /** Milliseconds since its start. */
  readonly sinceMs: number;
  /** The jobs that it has got. */
  readonly jobs: number;
}

/** Called with what happens to the warm processes of one command. */
export interface WarmListener {
  /** A process was started. */
  started(why: WarmStart): void;
  /** A process has ended, or is left to itself. Each that was started has one end. */
  ended(why: WarmEnd): void;
  /** A process exited while it had no job. `exitStatus`: as a shell would report it. */
  diedIdle(process: {
    readonly pid: number;
    readonly workerId: number;
    readonly exitStatus: number;
    readonly signal: string | undefined;
  }): void;
  /** A process wrote while it had no job, and is replaced. Called once a process. */
  strayed(process: { readonly pid: number; readonly workerId: number }): void;
  /** Bytes that belong to no job were dropped. */
  dropped(bytes: number): void;
  /** A process could not be started before its job; the next job tries again. `reason`: a sentence for the log. */
  notStarted(why: { readonly workerId: number; readonly reason: string }): void;
}
