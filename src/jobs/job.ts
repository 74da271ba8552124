/**
 * The nouns of jobrunner and the life of a job. No I/O here.
 *
 * - **request**: what a client posts: an id and a payload.
 * - **payload**: the decoded bytes of a request's `data`.
 * - **job**: an admitted request, from the line to its answer.
 * - **line**: the bounded order in which jobs get a worker.
 * - **place**: one job's part of the line, reserved, filled or given back; also its position in it: 1 is next.
 * - **lease**: a job in the hands of a worker, to be settled or released.
 * - **worker**: one of N loops that take a job from the line and run it; its number is stable and exclusive.
 * - **run**: one execution of the command for one job, from creating its files to removing them.
 * - **ending**: why a run ended. First cause wins; it is data, not an exception.
 * - **cause**: why jobrunner ends a run early: timeout, disconnected client, shutdown.
 * - **tree**: the command's process and every process that came from it.
 * - **mark**: the path of the job's folder in a process's environment; by it a tree's processes are known.
 * - **capture**: bytes of the command's stdout, stderr or response file, up to a limit.
 * - **spool**: the folder of our own that holds the files of running jobs.
 * - **result**: the ending and the captures; what the client gets.
 *
 * ```
 * request ─► admitted? ─► waiting ─► running ─► exited | signaled | not_started ──────────────► answered
 *               │ no         │           │  └─► cause ─► tree ended ─► timed_out | canceled | shutdown ─┘
 *               ▼            ▼           ▼
 *            refused       left        failed (spool, machine)
 * ```
 *
 * @module
 */

/** A job as plain data, which can be stored and sent. */
export interface JobSpec {
  /** The job's own name: 128 random bits as 32 hexadecimal digits. */
  readonly uid: string;
  /** The client's name of the job, 1 to 1024 characters, without NUL. Not unique. */
  readonly id: string;
  /** The id that ties the request, its log lines and its answer together. */
  readonly requestId: string;
  /** Name of the command that it runs. */
  readonly command: string;
  /** The longest run that the client asks for, in seconds; it can only shorten the server's limit. */
  readonly timeoutSec?: number;
  /** What becomes of its run when its client is gone. */
  readonly onDisconnect: "cancel" | "finish";
  /** The payload. The run takes it, so that its memory is free while the command runs, and leaves `noInput`. */
  input: JobInput;
  /** Its request's place in a distributed trace, as the header of that name (W3C Trace Context); absent when it belongs to none. */
  readonly traceparent?: string;
  /** What vendors add to it. */
  readonly tracestate?: string;
  /** Name of the token that it was sent with, where there are any. */
  readonly token?: string;
}

/** A payload: bytes in memory, or a file in the job's folder, which a run takes over with its folder. */
export type JobInput =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array<ArrayBuffer> }
  | {
    readonly kind: "file";
    /** Absolute path of the job's folder. */
    readonly folder: string;
    /** Name of the file in it. */
    readonly name: string;
    /** Its length in bytes. */
    readonly length: number;
  };

/** What a run leaves in the place of the payload that it took. */
export const noInput: JobInput = { kind: "bytes", bytes: new Uint8Array() };

/** Bytes of a payload. */
export function inputLength(input: JobInput): number {
  return input.kind === "bytes" ? input.bytes.length : input.length;
}

/** A name for a new job. */
export function newJobUid(): string {
  return crypto.getRandomValues(new Uint8Array(16)).toHex();
}

/** What this process holds for a job whose client is connected to it. */
export interface JobHandle {
  /** Called once, when the payload has been taken out of memory. */
  onInputStored(): void;
  /** Called whenever so many more bytes of what the command puts out are held in memory. */
  onCaptured(bytes: number): void;
}

/** The most characters of a request's id, the one that ties the request, its log lines and its answer together. */
export const maxRequestIdLength = 128;

const plainCharacters = /^[\w=-]+$/;

/** Whether a text may be one. */
export function isRequestId(text: string): boolean {
  return text.length <= maxRequestIdLength && plainCharacters.test(text);
}

/** A reason of ours to end a run, or to take a waiting job out of the line. */
export type Cause = "timed_out" | "canceled" | "shutdown";

/** Why a run ended, with the exit status a shell would report. */
export type Ending =
  | { readonly kind: "exited"; readonly exitStatus: number }
  | {
    readonly kind: "signaled";
    /** Name such as `SIGKILL`. */
    readonly signal: string;
    /** 128 + the signal's number. */
    readonly exitStatus: number;
  }
  | {
    /** We ended it: its time was over, its client gone, or the server stopped. First cause wins. */
    readonly kind: Cause;
    /** 124 when timed out, as timeout(1) has it; else what the command ended with. */
    readonly exitStatus: number;
    /** Name of the signal that it died of, if it did. */
    readonly signal?: string;
  }
  | {
    readonly kind: "not_started";
    /** 127: not found; 126: found, but it cannot be executed (POSIX 2.8.2, Exit Status for Commands). */
    readonly exitStatus: 126 | 127;
    /** A sentence that says what could not be run and why. */
    readonly reason: string;
  };

/** Bytes kept of a stream or file, and whether there were more than the limit allows. */
export interface Captured {
  /** At most the limit. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** True when bytes beyond the limit were dropped. */
  readonly truncated: boolean;
}

/** No bytes at all. */
export const nothingCaptured: Captured = { bytes: new Uint8Array(), truncated: false };

/** The answer of a job that ran. */
export interface JobResult {
  /** The client's id, as given. */
  readonly id: string;
  /** Number of the worker that ran it, from 1. */
  readonly workerId: number;
  /** Seconds between admission and the start of the run. */
  readonly queuedSec: number;
  /** Why it ended. */
  readonly ending: Ending;
  /** Seconds from the start of the command to its end. */
  readonly elapsedSec: number;
  /** Standard output. */
  readonly output: Captured;
  /** Standard error. */
  readonly error: Captured;
  /** The response file; empty also when there was none, or `message` says why it was not read. */
  readonly data: Captured;
  /** Process id that the command had; absent when it did not start. */
  readonly pid?: number;
  /** Plain text, when the worker itself has something to say. */
  readonly message?: string;
}

/** A run that could not be attempted because of the server, not the command. */
export interface RunFailure {
  /** What was out of order: the spool folder, the machine's means to start a process, or the program itself. */
  readonly kind: "spool_unusable" | "spawn_refused" | "internal";
  /** A sentence for the log; it may name paths. */
  readonly reason: string;
}

/** The outcome of an admitted job. */
export type JobOutcome =
  | { readonly kind: "ran"; readonly result: JobResult }
  | { readonly kind: "failed"; readonly failure: RunFailure }
  | {
    /** It left the line and never ran. */
    readonly kind: "left";
    readonly cause: LeaveCause;
    /** Seconds that it had waited. */
    readonly queuedSec: number;
    /** Whole seconds after which a retry is worthwhile. */
    readonly retryAfterSec: number;
  };

/** Why a job left the line: its waiting time was over, its client gone, or the server stopped. */
export type LeaveCause = "queue_timeout" | "canceled" | "shutdown";

/** The closed set of outcomes that jobs are counted under. */
export const outcomeLabels = [
  "success",
  "failed",
  "timed_out",
  "canceled",
  "not_started",
  "shutdown",
] as const;

/** One of them. */
export type OutcomeLabel = typeof outcomeLabels[number];

/** The counter a job's ending belongs to. */
export function outcomeLabel(ending: Ending): OutcomeLabel {
  switch (ending.kind) {
    case "exited":
      return ending.exitStatus === 0 ? "success" : "failed";
    case "signaled":
      return "failed";
    default:
      return ending.kind;
  }
}
