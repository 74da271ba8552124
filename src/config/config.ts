/**
 * The configuration, its result and the facts that it is computed from: types only.
 *
 * @module
 */

import type { Command, ProgramLookup } from "./command.ts";
import type { KnownToken } from "../wire/tokens.ts";
import type { ChoiceOf } from "./settings.ts";

/** Reads the beginning of a file, as `Surroundings.readFile` describes it. */
export type ReadFile = (path: string, bytes: number) => Uint8Array<ArrayBuffer>;

/** Facts about the machine that the configuration depends on. */
export interface Surroundings extends ProgramLookup {
  /** Absolute path of the system's temp folder. */
  readonly tempDir: string;
  /** Whether stderr, where the log goes, is a terminal. */
  readonly stderrIsTerminal: boolean;
  /** Whether there is a launcher for this machine. */
  readonly hasLauncher: boolean;
  /** The time in Unix milliseconds. */
  readonly nowMs: number;
  /** Names of variables that are set but cannot be read, because they are not UTF-8. */
  readonly undecodable: readonly string[];
  /** Resolves the links in a path; returns the path unchanged if nothing exists there. */
  realPath(path: string): string;
  /** Reads at most `bytes` bytes from the beginning of a file; throws an `Error` whose message says why it cannot be read. */
  readonly readFile: ReadFile;
  /** The same for files that are read at start only; undefined when the configuration of a running server is read again. */
  readonly readAtStart: ReadFile | undefined;
  /** Name of this machine in its network. */
  readonly hostName: string;
}

/**
 * The configuration: one record for each room that needs a part of it. Times are in milliseconds, sizes in bytes; `Infinity`
 * means that there is no limit. It holds no password.
 */
export interface Config {
  /**
   * Whether the commands have names that clients, logs and metrics see: with a configuration file. Without one there is a
   * single command with a single pool, both called `default`.
   */
  readonly named: boolean;
  /** Time between two looks whether a file of the configuration has changed, in milliseconds; 0 for none. */
  readonly configWatchMs: number;
  /** The commands, in the order of the file; at least one. */
  readonly commands: readonly CommandConfig[];
  /** The pools of workers, in the order of the file; each has at least one command. */
  readonly pools: readonly PoolConfig[];
  /** Name of the command that `POST /payload` runs; undefined if there is none. */
  readonly defaultCommand: string | undefined;
  /** Where the server listens, whom it serves, and its limits. */
  readonly http: HttpConfig;
  /** Where the files of running jobs are. */
  readonly spool: SpoolConfig;
  /** The launcher that commands are started through. */
  readonly launcher: LauncherConfig;
  /** Whether the service runs in an isolate with narrowed permissions. */
  readonly sandbox: boolean;
  /** Time limits for killing processes and for draining. */
  readonly stopping: StoppingConfig;
  /** Level and format of the log. */
  readonly log: LogConfig;
  /** Where spans are sent; undefined if none are recorded. */
  readonly tracing: TracingConfig | undefined;
  /** The queue that this machine shares with others; undefined if each queue is that of this process. */
  readonly cluster: ClusterConfig | undefined;
}

/** A command and its runs. */
export interface CommandConfig {
  /** Its name: a lower-case letter, then up to 31 lower-case letters, digits, `_` and `-`. */
  readonly name: string;
  /** A sentence for people who list the commands. */
  readonly description: string | undefined;
  /** Name of the pool whose workers run it. */
  readonly pool: string;
  /** The program that each job runs, and its arguments. */
  readonly command: Command;
  /** Maximum size of a request body in bytes; always finite. */
  readonly maxRequestBytes: number;
  /** Maximum size of a body of `POST /run` in bytes; `Infinity` for no limit. */
  readonly maxRunBytes: number;
  /** Names in lower case of the request headers that it gets as variables. */
  readonly passHeaders: readonly string[];
  /** Content type of its response file. */
  readonly responseType: string;
  /** Status of a `POST /run` that asks for bytes and whose command failed: 200, or 400 to 599. */
  readonly failedStatus: number;
  /** What happens to a running job whose client disconnects. */
  readonly onDisconnect: ChoiceOf<"JOBRUNNER_ON_DISCONNECT">;
  /** Time between SIGTERM and SIGKILL when its processes are killed, in milliseconds; 0 for SIGKILL at once. */
  readonly killGraceMs: number;
  /** Settings of each of its runs. */
  readonly run: RunConfig;
  /** The process that it starts with. */
  readonly launch: LaunchConfig;
}

/** A queue and its workers. */
export interface PoolConfig {
  /** Its name, in the form of a command's name. A command that shares its pool with no other has a pool of its own name. */
  readonly name: string;
  /** Number of workers, 1 to 1024; with a shared queue also 0. */
  readonly numWorkers: number;
  /** Maximum number of waiting jobs. */
  readonly queueLimit: number;
  /** How long a job may wait, in milliseconds; `Infinity` for no limit. */
  readonly queueTimeoutMs: number;
}

/** Settings of the runs of a command. */
export interface RunConfig {
  /** How long it may run, in milliseconds; `Infinity` for no limit. */
  readonly jobTimeoutMs: number;
  /** Maximum number of bytes kept of each of stdout, stderr and the response file; `Infinity` for no limit. */
  readonly maxOutputBytes: number;
  /** The same for jobs whose outputs are kept on disk. */
  readonly maxResultBytes: number;
  /** Its standard input: empty, or the payload. */
  readonly stdin: ChoiceOf<"JOBRUNNER_STDIN">;
  /** Whether its process is started before the job, and may serve several. */
  readonly warm: boolean;
  /** Maximum number of jobs of such a process; `Infinity` for no limit. */
  readonly warmMaxJobs: number;
  /** Maximum age of such a process while it has no job, in milliseconds; `Infinity` for no limit. */
  readonly warmMaxAgeMs: number;
  /** Appended to the name of the file that holds a payload; may be empty. */
  readonly requestSuffix: string;
  /** Appended to the name of the response file; may be empty. */
  readonly responseSuffix: string;
}

/** What a command's process starts with. Without a configuration file, all of it is inherited from the server. */
export interface LaunchConfig {
  /** Names of the variables that it inherits from the server; `all` for every one that is not a secret. */
  readonly inheritEnv: "all" | readonly string[];
  /** Variables that it gets in addition; they override inherited ones. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Absolute path of its working directory, in which `{worker_id}` stands for the worker's number; undefined for that of the
   * server.
   */
  readonly workingDirectory: string | undefined;
  /** The permission bits that files it creates do not get; undefined for those of the server. */
  readonly umask: number | undefined;
  /** Added to the niceness of the server, 0 to 19; undefined for 0. */
  readonly nice: number | undefined;
  /** Limits of each of its processes (setrlimit(2)); undefined where there is none of its own. */
  readonly limits: {
    /** Address space, in bytes. */
    readonly memoryBytes: number | undefined;
    /** CPU time, in whole seconds. */
    readonly cpuSec: number | undefined;
    /** Size of a file that it writes, in bytes. */
    readonly fileBytes: number | undefined;
    /** Open files. */
    readonly openFiles: number | undefined;
  };
}

/** Settings of the HTTP server. */
export interface HttpConfig {
  /** IP address or host name to listen on, IPv6 without brackets; `unix:` and a path for a unix socket. */
  readonly address: string;
  /** The unix socket to listen on; undefined for an address of the network. */
  readonly socket: SocketConfig | undefined;
  /** Permission bits of a unix socket. Without a meaning for an address of the network. */
  readonly socketMode: number;
  /** Port to listen on; 0 asks for a free one. Without a meaning for a unix socket. */
  readonly port: number;
  /** Certificate chain and private key as PEM text. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  /** SHA-256 of the password's UTF-8 bytes; undefined if no password is required. */
  readonly passwordDigest: Uint8Array | undefined;
  /** The tokens of clients; undefined without a tokens file. */
  readonly tokens: readonly KnownToken[] | undefined;
  /** Networks of proxies whose X-Forwarded-For counts, in the form that `isNetwork` accepts, and the word `unix`. */
  readonly trustedProxies: readonly string[];
  /** Host names of the server, in the form of `hostNameOf`; `*.example.com` has become `.example.com`. */
  readonly hostNames: readonly string[];
  /** Length of the periods, in milliseconds, in each of which enough of a body must arrive; `Infinity` for no limit. */
  readonly requestTimeoutMs: number;
  /** Maximum number of bytes held in memory for all requests together; `Infinity` for no limit. */
  readonly maxBufferedBytes: number;
  /** How long a client may pause while reading its answer, in milliseconds; `Infinity` for no limit. */
  readonly answerTimeoutMs: number;
  /** Whether each request is logged. */
  readonly accessLog: boolean;
}

/** A unix socket to listen on. */
export interface SocketConfig {
  /** Its absolute path. */
  readonly path: string;
  /** Absolute path where the service opens it: in a folder beside `path` that others cannot enter. Main then moves it. */
  readonly opened: string;
}

/** Where the files of running jobs are. */
export interface SpoolConfig {
  /** Absolute path of the folder in which the server creates its own. */
  readonly parent: string;
  /** Maximum number of bytes in files of requests; undefined for a limit that follows from the disk. */
  readonly maxBytes: number | undefined;
}

/** The launcher that commands are started through. */
export interface LauncherConfig {
  /** Whether each command should have a session of its own. */
  readonly ownSession: boolean;
  /** Absolute paths of folders for the launcher, in the order in which they are tried. */
  readonly parents: readonly string[];
}

/** Time limits for killing processes and for draining. */
export interface StoppingConfig {
  /** Time between SIGTERM and SIGKILL for processes of dead servers, in milliseconds; 0 for SIGKILL at once. */
  readonly killGraceMs: number;
  /** Time from the start of a drain to the forced stop, in milliseconds; 0 for a forced stop at once. */
  readonly drainTimeoutMs: number;
}

/** Level and format of the log. */
export interface LogConfig {
  /** Format of log lines. */
  readonly format: ChoiceOf<"JOBRUNNER_LOG_FORMAT">;
  /** The lowest level that is logged. */
  readonly level: ChoiceOf<"JOBRUNNER_LOG_LEVEL">;
}

/** Where spans are sent, and which. */
export interface TracingConfig {
  /** Host and port that the exporter connects to. */
  readonly receiver: string;
  /** Whether it connects with TLS. */
  readonly tls: boolean;
  /** Encoding of OTLP over HTTP. */
  readonly protocol: "http/protobuf" | "http/json";
  /** Chooses the traces that are recorded. */
  readonly sampler: { readonly name: string; readonly ratio: number };
  /** Time between two batches, in milliseconds. */
  readonly scheduleDelayMs: number;
}

/** The queue that several machines share, and this machine's part in it. It holds no password and no key. */
export interface ClusterConfig {
  /** Host and port of each NATS server, IPv6 in brackets; at least one. */
  readonly servers: readonly string[];
  /** How TLS is used; undefined if it is not required. */
  readonly tls: ClusterTls | undefined;
  /** Name of the group of machines. It contains no `_` and no `.`. */
  readonly group: string;
  /** Name of this machine, for people; not unique. */
  readonly nodeName: string;
  /** What happens to a job whose machine is lost while it runs. */
  readonly onLost: ChoiceOf<"JOBRUNNER_NATS_ON_LOST">;
  /** How often a job may be begun with `onLost: "rerun"`. */
  readonly attempts: number;
  /** Silence after which a machine counts as lost, in milliseconds. */
  readonly nodeTimeoutMs: number;
  /** Where the servers keep jobs. */
  readonly storage: ChoiceOf<"JOBRUNNER_NATS_STORAGE">;
  /** On how many servers, 1 to 5. */
  readonly replicas: number;
  /** Whether this machine is ready while no server can be reached. */
  readonly ready: ChoiceOf<"JOBRUNNER_NATS_READY">;
  /** The values of all its settings by name, so that changes can be seen; only paths of files. */
  readonly settings: Readonly<Record<string, string>>;
}

/** How TLS is used with the NATS servers. All texts are PEM. */
export interface ClusterTls {
  /** The authorities of the servers' certificates; undefined for those that the runtime knows. */
  readonly ca: string | undefined;
  /** The certificate of this machine; its key is `ClusterSecrets.clientKey`. */
  readonly cert: string | undefined;
  /** Whether TLS begins before the server says anything. */
  readonly first: boolean;
}

/** How this machine proves to the NATS servers who it is. Main reads it at start and hands it to the service. */
export interface ClusterSecrets {
  /** What it proves that with. */
  readonly credentials: ClusterCredentials;
  /** Private key of the certificate `ClusterTls.cert`, as PEM text; absent without a certificate. */
  readonly clientKey?: string;
}

/** The credentials of a NATS user; at most one kind. */
export type ClusterCredentials =
  | { readonly kind: "none" }
  | { readonly kind: "password"; readonly user: string; readonly password: string }
  | { readonly kind: "token"; readonly token: string }
  /** `seed`: that of a user's nkey. */
  | { readonly kind: "nkey"; readonly seed: string }
  /** `text`: that of a credentials file, with a JWT and a seed. */
  | { readonly kind: "creds"; readonly text: string };

/** A valid configuration, or all configuration errors. */
export type ConfigResult =
  | {
    readonly ok: true;
    readonly config: Config;
    /** Sentences for the log about what is valid, but probably not intended. */
    readonly warnings: readonly string[];
    /** The effective settings: one line `NAME=value  # origin` for each, secrets as `***`. */
    readonly effective: readonly string[];
    /** The credentials for the shared queue; absent without one, and when the configuration is read again. */
    readonly clusterSecrets?: ClusterSecrets | undefined;
  }
  | { readonly ok: false; readonly errors: readonly string[] };
