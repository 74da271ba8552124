/**
 * The configuration, and what it is made from and with: types only.
 *
 * @module
 */

import type { Command, ProgramLookup } from "./command.ts";
import type { ChoiceOf } from "./settings.ts";

/** The machine around the program, as far as the configuration depends on it. */
export interface Surroundings extends ProgramLookup {
  /** Absolute path of the system's temp folder. */
  readonly tempDir: string;
  /** Whether people watch the log. */
  readonly stderrIsTerminal: boolean;
  /** Whether there is a launcher for this machine. */
  readonly hasLauncher: boolean;
  /** Names of variables that are set but could not be read, because they are not UTF-8. */
  readonly undecodable: readonly string[];
  /** A path without links; as it is when there is nothing there. */
  realPath(path: string): string;
  /** The first bytes of a file, so many at most; throws an `Error` whose message says why it cannot be read. */
  readFile(path: string, bytes: number): Uint8Array<ArrayBuffer>;
}

/**
 * The configuration: one record for each room that needs a part of it. Times in milliseconds, sizes in bytes; `Infinity`
 * where there is no limit. Holds no password.
 */
export interface Config {
  /** The command, and all that is its own. */
  readonly work: WorkConfig;
  /** Where the server listens, for whom, and how much it takes. */
  readonly http: HttpConfig;
  /** Where files of running jobs are. */
  readonly spool: SpoolConfig;
  /** What commands are started through. */
  readonly launcher: LauncherConfig;
  /** Whether the service runs in an isolate of narrowed permissions. */
  readonly sandbox: boolean;
  /** How long what is to end may take. */
  readonly stopping: StoppingConfig;
  /** What is logged, and how. */
  readonly log: LogConfig;
  /** Where spans go; undefined when none are recorded. */
  readonly tracing: TracingConfig | undefined;
}

/** One command: what it is, how its jobs wait, how it runs. */
export interface WorkConfig {
  /** What each job runs. */
  readonly command: Command;
  /** Its line and its workers. */
  readonly jobs: JobsConfig;
  /** Each of its runs. */
  readonly run: RunConfig;
}

/** How the jobs of a command wait and are worked on. */
export interface JobsConfig {
  /** Workers, 1 to 1024. */
  readonly numWorkers: number;
  /** Jobs that may wait. */
  readonly queueLimit: number;
  /** How long a job may wait, in milliseconds; `Infinity` for no limit. */
  readonly queueTimeoutMs: number;
  /** What becomes of a running job whose client is gone. */
  readonly onDisconnect: ChoiceOf<"JOBRUNNER_ON_DISCONNECT">;
}

/** How a command runs. */
export interface RunConfig {
  /** How long it may run, in milliseconds; `Infinity` for no limit. */
  readonly jobTimeoutMs: number;
  /** Bytes kept of each of stdout, stderr and the response file; `Infinity` for all. */
  readonly maxOutputBytes: number;
  /** Appended to the name of the file that holds a payload; may be empty. */
  readonly requestSuffix: string;
  /** Appended to the name of the response file; may be empty. */
  readonly responseSuffix: string;
}

/** The HTTP server. */
export interface HttpConfig {
  /** IP address or host name to listen on, IPv6 without brackets. */
  readonly address: string;
  /** Port to listen on; 0 asks for a free one. */
  readonly port: number;
  /** Certificate chain and private key as PEM text. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  /** SHA-256 of the password's UTF-8 bytes; undefined when no password is asked for. */
  readonly passwordDigest: Uint8Array | undefined;
  /** Names that the server goes by, as `hostNameOf` has them; `*.example.com` has become `.example.com`. */
  readonly hostNames: readonly string[];
  /** Largest request body, in bytes; always a number. */
  readonly maxRequestBytes: number;
  /** The periods, in milliseconds, in each of which enough of a body must come; `Infinity` for no limit. */
  readonly requestTimeoutMs: number;
  /** Bytes held in memory for requests, all together; `Infinity` for no limit. */
  readonly maxBufferedBytes: number;
  /** How long a client may take nothing of its answer, in milliseconds; `Infinity` for no limit. */
  readonly answerTimeoutMs: number;
  /** Whether every request has a line in the log. */
  readonly accessLog: boolean;
}

/** Where files of running jobs are. */
export interface SpoolConfig {
  /** Absolute path of the folder in which the server makes its own. */
  readonly parent: string;
}

/** What commands are started through. */
export interface LauncherConfig {
  /** Whether each command should have a session of its own. */
  readonly ownSession: boolean;
  /** Absolute paths of folders in which a launcher may be made, in the order in which they are tried. */
  readonly parents: readonly string[];
}

/** How long what is to end may take. */
export interface StoppingConfig {
  /** Between SIGTERM and SIGKILL, in milliseconds; 0 for SIGKILL at once. */
  readonly killGraceMs: number;
  /** How long a drain may take before what is left is ended, in milliseconds; 0 for at once. */
  readonly drainTimeoutMs: number;
}

/** What is logged, and how. */
export interface LogConfig {
  /** How lines look. */
  readonly format: ChoiceOf<"JOBRUNNER_LOG_FORMAT">;
  /** The least grave level that is logged. */
  readonly level: ChoiceOf<"JOBRUNNER_LOG_LEVEL">;
}

/** Where spans go. */
export interface TracingConfig {
  /** Host and port that the exporter connects to. */
  readonly receiver: string;
  /** Whether it connects with TLS. */
  readonly tls: boolean;
  /** Encoding of OTLP over HTTP. */
  readonly protocol: "http/protobuf" | "http/json";
  /** Which traces that begin here are recorded. */
  readonly sampler: { readonly name: string; readonly ratio: number };
  /** Between two batches. */
  readonly scheduleDelayMs: number;
}

/** A usable configuration, or every reason why it is not one. */
export type ConfigResult =
  | {
    readonly ok: true;
    readonly config: Config;
    /** Sentences for the log: legal, but probably not what was meant. */
    readonly warnings: readonly string[];
    /** `NAME=value  # origin`, one line per setting, secrets as `***`. */
    readonly effective: readonly string[];
  }
  | { readonly ok: false; readonly faults: readonly string[] };
