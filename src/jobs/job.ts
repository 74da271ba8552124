/**
 * The nouns of jobrunner and the life of a job. This file does no I/O.
 *
 * - **request**: an id and a payload, posted by a client.
 * - **payload**: the bytes of a job's request: the decoded `data`, a raw body, or the first file of a form.
 * - **job**: an admitted request, from the queue to its answer.
 * - **line**: the bounded queue in which jobs wait for a worker.
 * - **place**: one job's place in the queue, reserved, filled or given back; also its position: 1 is next.
 * - **lease**: a job that a worker has taken, to be settled or released.
 * - **worker**: one of N loops that take a job from the queue and run it; its number is stable and exclusive.
 * - **run**: one execution of the command for one job, from creating its files to removing them.
 * - **ending**: why a run ended. First cause wins; it is data, not an exception.
 * - **cause**: why jobrunner ends a run early: timeout, disconnected client, shutdown.
 * - **tree**: the command's process and every process that descends from it.
 * - **mark**: the path of the job's folder in a process's environment; it identifies the processes of a tree.
 * - **capture**: bytes of the command's stdout, stderr or response file, up to a limit, in memory or in an open file.
 * - **spool**: the server's own folder, which holds the folders of jobs, and large outputs.
 * - **result**: the ending and the captures, as the client gets them.
 * - **refusal**: why a request does not become a job.
 * - **failure**: why a run could not be attempted, or has no result, because of the server.
 *
 * ```
 * request ─► admitted? ─► waiting ─► running ─► exited | signaled | not_started ──────────────► answered
 *               │ no         │           │  └─► cause ─► tree killed ─► timed_out | canceled | shutdown ┘
 *               ▼            ▼           ▼
 *            refused       left        failed (spool, machine, lost node)
 * ```
 *
 * @module
 */

/** The names of a command and of its pool. They exist only with a configuration file. */
export interface Names {
  /** Name of the command. */
  readonly command: string;
  /** Name of the pool that runs it. */
  readonly pool: string;
}

/** A job as plain data, which can be stored and sent. */
export interface JobSpec {
  /** Unique name of the job: 128 random bits as 32 hexadecimal digits. */
  readonly uid: string;
  /** The client's name for the job, 1 to 1024 characters, without NUL. Not unique. */
  readonly id: string;
  /** The id that links the request, its log lines and its answer. */
  readonly requestId: string;
  /** Name of the command that it runs. */
  readonly command: string;
  /** Number of the version of the command that it was admitted for. */
  readonly version: number;
  /** The client's time limit for the run, in seconds; it can only shorten the server's limit. */
  readonly timeoutSec?: number;
  /** What happens to its run when its client disconnects. */
  readonly onDisconnect: "cancel" | "finish";
  /** The payload. The run takes it and leaves `noInput`, so that its memory is free while the command runs. */
  input: JobInput;
  /** Where the outputs of its run are kept. */
  readonly keep: Keep;
  /** What its HTTP request says besides the payload; absent for `POST /payload`. */
  readonly request?: RequestFacts;
  /** The request's position in a distributed trace, as in the header `traceparent` (W3C Trace Context); absent without a trace. */
  readonly traceparent?: string;
  /** Data that vendors add to the trace context. */
  readonly tracestate?: string;
  /** Name of the token that the request was sent with, if tokens are in use. */
  readonly token?: string | undefined;
}

/**
 * Where the outputs of a run are kept until the answer is sent.
 *
 * - `memory`: up to `maxOutputBytes` of stdout, stderr and the response file each.
 * - `disk`: up to `maxResultBytes` of each; beyond a small size in an open file.
 * - `data`: the response file as on `disk`; stdout and stderr are not kept, since they are passed on as they come.
 */
export type Keep = "memory" | "disk" | "data";

/** What an HTTP request says besides its payload, for the command. A text is empty if the request does not say it. */
export interface RequestFacts {
  /** The query of its URL, without the question mark, as it was sent. */
  readonly queryString: string;
  /** Its Content-Type. */
  readonly contentType: string;
  /** Length of its body in bytes. */
  readonly contentLength: number;
  /** Name of the file in its Content-Disposition, or of the first file of a form, without a folder. */
  readonly filename: string;
  /** The values of the headers that its command gets, by their names in lower case; all of them are there. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * A payload: bytes in memory, a file in the job's folder, or a folder of files in it, from a form. A run takes over the job's
 * folder together with what it holds.
 */
export type JobInput =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array<ArrayBuffer> }
  | {
    readonly kind: "file";
    /** Absolute path of the job's folder. */
    readonly folder: string;
    /** Name of the file in it. */
    readonly name: string;
    /** Length of the file in bytes. */
    readonly length: number;
  }
  | {
    readonly kind: "parts";
    /** Absolute path of the job's folder. */
    readonly folder: string;
    /** Name of the folder in it that holds the parts. */
    readonly name: string;
    /** Name of the first file among the parts. */
    readonly first: string;
    /** Length of all parts together in bytes. */
    readonly length: number;
  };

/** Replaces the payload that a run has taken. */
export const noInput: JobInput = { kind: "bytes", bytes: new Uint8Array() };

/** Length of a payload in bytes. */
export function inputLength(input: JobInput): number {
  return input.kind === "bytes" ? input.bytes.length : input.length;
}

/** Digits of a job's unique name, and how many names are drawn at a time. */
const uidLength = 32;
const uidsDrawn = 64;

/** Random digits for the next names. Drawn for many of them, because every draw is a call of the runtime. */
let uidDigits = "";

/** Makes a unique name for a new job. */
export function newJobUid(): string {
  if (uidDigits === "") {
    uidDigits = crypto.getRandomValues(new Uint8Array(uidsDrawn * uidLength / 2)).toHex();
  }
  const uid = uidDigits.slice(0, uidLength);
  uidDigits = uidDigits.slice(uidLength);
  return uid;
}

/** Where a command has started. */
export interface StartedAt {
  /** Number of the worker. */
  readonly id: number;
  /** Process id of the command. */
  readonly pid: number;
  /** Name of the machine; absent on one machine. */
  readonly node?: string | undefined;
}

/** Callbacks of this process for a job whose client is connected to it. */
export interface JobHandle {
  /** Called once, when the payload is no longer held in memory. */
  onInputStored(): void;
  /** Called each time that this many more bytes of the command's output are held in memory; fewer, if negative. */
  onCaptured(bytes: number): void;
  /** Called when the command has started. */
  onStarted?(worker: StartedAt): void;
  /** Called with each piece of output; the memory of the piece is reused when it returns. */
  onOutput?(stream: "stdout" | "stderr", bytes: Uint8Array<ArrayBuffer>): void;
  /** Called when this many bytes of output that belong here were lost on their way from another machine. */
  onLost?(stream: "stdout" | "stderr", bytes: number): void;
  /** The disk space that the request holds; absent if its outputs are kept in memory. */
  readonly disk?: DiskShare;
}

/** The disk space that one request holds in the spool. */
export interface DiskShare {
  /** Takes this many more bytes of a body; returns false and takes nothing if there is no room for them. */
  takeBody(bytes: number): boolean;
  /** The same for an output of a command. There is more room for outputs, so that bodies cannot take all of it. */
  take(bytes: number): boolean;
  /** Gives back everything. Idempotent; afterwards `take` returns false. */
  release(): void;
}

/** The maximum length, in characters, of the request id that links a request, its log lines and its answer. */
export const maxRequestIdLength = 128;

const plainCharacters = /^[\w=-]+$/;

/** Whether a text has the form of a request id. */
export function isRequestId(text: string): boolean {
  return text.length <= maxRequestIdLength && plainCharacters.test(text);
}

/** Why jobrunner ends a run early, or takes a waiting job out of the queue. */
export type Cause = "timed_out" | "canceled" | "shutdown";

/** Why a run ended, with the exit status that a shell would report. */
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
    /** jobrunner ended the run: it timed out, its client disconnected, or the server stopped. First cause wins. */
    readonly kind: Cause;
    /** 124 after a timeout, as with timeout(1); else the command's exit status. */
    readonly exitStatus: number;
    /** Name of the signal that killed the command, if one did. */
    readonly signal?: string;
  }
  | {
    readonly kind: "not_started";
    /** 127: not found; 126: found, but not executable (POSIX 2.8.2, Exit Status for Commands). */
    readonly exitStatus: 126 | 127;
    /** A sentence that names what could not be run and says why. */
    readonly reason: string;
  };

/** Bytes kept of a stream or file. */
export interface Captured {
  /** The first bytes, up to the limit; empty if they are in a file. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** True when bytes beyond the limit were dropped. */
  readonly truncated: boolean;
  /** True if it is empty because a file could not be read; absent otherwise. */
  readonly unreadable?: true;
  /** Holds the bytes if there are many of them. Whoever has the result closes it. */
  readonly file?: StoredFile;
}

/** An open file that a run has left. It can be read although its folder is gone. */
export interface StoredFile {
  /** How many of its bytes belong to the result. */
  readonly length: number;
  /** Reads bytes from a position into memory, at least one unless the file ends there. Resolves with their number. */
  read(at: number, into: Uint8Array<ArrayBuffer>): Promise<number>;
  /** Closes it, which frees its disk space. Idempotent. */
  close(): void;
}

/** Number of bytes kept. */
export function capturedLength({ bytes, file }: Captured): number {
  return file?.length ?? bytes.length;
}

/** The capture of an empty stream or file. */
export const nothingCaptured: Captured = { bytes: new Uint8Array(), truncated: false };

/** The capture of a file that could not be read. */
export const nothingRead: Captured = { ...nothingCaptured, unreadable: true };

/** The result of a job that ran. */
export interface JobResult {
  /** The client's id, as given. */
  readonly id: string;
  /** Number of the worker that ran it, from 1. */
  readonly workerId: number;
  /** Name of the machine that ran it; absent on one machine. */
  readonly node?: string | undefined;
  /** Seconds between admission and the start of the run. */
  readonly queuedSec: number;
  /** Why the run ended. */
  readonly ending: Ending;
  /** Seconds from the start of the command to its end; if its process was there before, from the moment it got the job. */
  readonly elapsedSec: number;
  /** Standard output. */
  readonly output: Captured;
  /** Standard error. */
  readonly error: Captured;
  /** Content of the response file; also empty if there was no file, or if it was not read, for a reason given in `message`. */
  readonly data: Captured;
  /** Process id of the command; undefined if it did not start. */
  readonly pid?: number | undefined;
  /** Whether its process was there before the job; undefined if its command is not warm. */
  readonly warm?: boolean | undefined;
  /** The jobs of a process that serves several, this one included; undefined if it serves one. */
  readonly processJobs?: number | undefined;
  /** A message of the worker itself, in plain text; undefined without one. */
  readonly message?: string | undefined;
  /** Its command and the pool that ran it; undefined without a configuration file. */
  readonly names?: Names | undefined;
}

/** A run that could not be attempted, or has no result, because of the server, not the command. */
export interface RunFailure {
  /**
   * What failed: the spool folder, starting a process, jobrunner itself (a bug), or the machine that ran the job, which was lost.
   * After `node_lost` the command may have run, and no other machine may run it.
   */
  readonly kind: "spool_unusable" | "spawn_refused" | "internal" | "node_lost";
  /** A sentence for the log, which may name paths. */
  readonly reason: string;
}

/** The outcome of an admitted job. */
export type JobOutcome =
  | { readonly kind: "ran"; readonly result: JobResult }
  | { readonly kind: "failed"; readonly failure: RunFailure }
  | {
    /** The job left the queue and never ran. */
    readonly kind: "left";
    readonly cause: LeaveCause;
    /** Seconds that it waited. */
    readonly queuedSec: number;
    /** Whole seconds after which a retry is worthwhile. */
    readonly retryAfterSec: number;
    /** Number of jobs that wait, if the queue was full. */
    readonly waiting?: number;
  };

/**
 * Why a job left the queue: it waited too long, its client disconnected, or the server stopped. A queue that lives elsewhere can
 * also have refused the job when its place was filled (`queue_full`), or be out of reach (`queue_unavailable`).
 */
export type LeaveCause =
  | "queue_timeout"
  | "canceled"
  | "shutdown"
  | "queue_full"
  | "queue_unavailable";

/** The closed set of outcomes that jobs are counted under, each with its meaning. */
export const outcomes = {
  success: "The command exited with status 0.",
  failed:
    "The command exited with another status, or a signal that jobrunner did not send killed it.",
  timed_out: "jobrunner killed the command because it ran longer than its timeout.",
  canceled: "jobrunner killed the command because its client disconnected.",
  not_started: "The command could not be started; the answer or the log has the reason.",
  shutdown: "jobrunner killed the command in a forced stop.",
} as const satisfies Readonly<Record<string, string>>;

/** Name of an outcome that jobs are counted under. */
export type OutcomeLabel = keyof typeof outcomes;

/** All outcomes that jobs are counted under, in the order of the table. */
export const outcomeLabels: readonly OutcomeLabel[] = Object.keys(outcomes) as OutcomeLabel[];

/** The outcome that an ending is counted under. */
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
