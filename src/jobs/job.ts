/**
 * The nouns of jobrunner and the life of a job. No I/O here.
 *
 * - **request**: what a client posts: an id and a payload.
 * - **payload**: the decoded bytes of a request's `data`.
 * - **job**: an admitted request, from the line to its answer.
 * - **line**: the bounded first-in-first-out channel of jobs that wait for a worker.
 * - **place**: a job's position in the line; 1 is next.
 * - **worker**: one of N loops that take a job from the line and run it; its number is stable and exclusive.
 * - **run**: one execution of the command for one job, from its files' creation to their removal.
 * - **ending**: why a run ended. First cause wins; it is data, not an exception.
 * - **cause**: a reason of ours to end a run before it is over: its time, its client, the server's own stop.
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

/** A well-formed request that asks for a run. */
export interface JobRequest {
  /** The client's own name of the job, 1 to 1024 characters, without NUL. Not unique. */
  readonly id: string;
  /** The id that ties the request, its log lines and its answer together. */
  readonly requestId: string;
  /** The decoded payload. The run takes it (leaving an empty array) so that its memory is free while the command runs. */
  payload: Uint8Array<ArrayBuffer>;
  /** The longest run that the client asks for, in seconds; it can only shorten the server's limit. */
  readonly timeoutSec?: number;
  /** Called once, when the payload has been taken out of memory. */
  readonly onPayloadStored: () => void;
  /** Called whenever so many more bytes of what the command puts out are held in memory. */
  readonly onCaptured: (bytes: number) => void;
  /** Its part of a distributed trace; absent when it belongs to none. */
  readonly trace?: JobTrace;
}

/** The most characters of a request's id, the one that ties the request, its log lines and its answer together. */
export const maxRequestIdLength = 128;

const plainCharacters = /^[\w=-]+$/;

/** Whether a text may be one. */
export function isRequestId(text: string): boolean {
  return text.length <= maxRequestIdLength && plainCharacters.test(text);
}

/** A request's place in a distributed trace (W3C Trace Context), as its job sees it. */
export interface JobTrace {
  /** Identifies the whole trace: 32 hexadecimal digits. */
  readonly traceId: string;
  /** Identifies the span that the request is, here or, when nothing is recorded here, at the client: 16 hexadecimal digits. */
  readonly spanId: string;
  /** A worker took the job after it had waited. */
  beginRun(workerId: number, queuedSec: number): RunTrace;
}

/** A run's place in a trace. */
export interface RunTrace {
  /** `TRACEPARENT` and `TRACESTATE` for the command, so that it can join the trace. */
  readonly variables: Readonly<Record<string, string>>;
  /** The run is over. */
  end(run: {
    readonly outcome: OutcomeLabel;
    readonly exitStatus?: number;
    readonly pid?: number | undefined;
    /** Why it could not be run. */
    readonly reason?: string;
  }): void;
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

/** What a run produced. */
export interface RunResult {
  /** Why it ended. */
  readonly ending: Ending;
  /** Seconds from the start of the command to its end. */
  readonly elapsedSec: number;
  /** Standard output. */
  readonly output: Captured;
  /** Standard error. */
  readonly error: Captured;
  /** The response file. */
  readonly data: Captured;
  /** Process id that the command had; absent when it did not start. */
  readonly pid?: number;
  /** Plain text, when the worker itself has something to say. */
  readonly message?: string;
}

/** The answer of a job that ran. */
export interface JobResult extends RunResult {
  /** The client's id, as given. */
  readonly id: string;
  /** Number of the worker that ran it, from 1. */
  readonly workerId: number;
  /** Seconds between admission and the start of the run. */
  readonly queuedSec: number;
}

/** A run that could not even be attempted, for a reason that is the server's and not the command's. */
export interface RunFault {
  /** What was out of order: the spool folder, or the machine's means to start a process. */
  readonly kind: "spool_unusable" | "spawn_refused";
  /** A sentence for the log; it may name paths. */
  readonly reason: string;
}

/** How an admitted job came out. */
export type JobOutcome =
  | { readonly kind: "ran"; readonly result: JobResult }
  | { readonly kind: "failed"; readonly fault: RunFault }
  | {
    /** It left the line and never ran. */
    readonly kind: "left";
    readonly cause: LeaveCause;
    /** Seconds that it had waited. */
    readonly queuedSec: number;
    /** Whole seconds after which it is worth to come back. */
    readonly retryAfterSec: number;
  };

/** Why a job left the line: its waiting time was over, its client gone, or the server stopped. */
export type LeaveCause = "queue_timeout" | "canceled" | "shutdown";

/** What became of a request that asked for a place. */
export type Admission =
  | {
    readonly admitted: true;
    readonly outcome: Promise<JobOutcome>;
    /** The client does not want the answer any more. Twice is fine, and so is too late. */
    readonly clientGone: () => void;
  }
  | {
    readonly admitted: false;
    readonly refusal: "queue_full" | "draining";
    /** Jobs waiting now. */
    readonly waiting: number;
    /** Whole seconds after which it is worth to come back. */
    readonly retryAfterSec: number;
  };

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
