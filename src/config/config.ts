/**
 * From a plain environment object and flags to a frozen `Config`, all faults at once. A pure function of what it is handed.
 *
 * @module
 */

import { type Command, commandOf, parseCommand, type ProgramLookup } from "./command.ts";
import type { Setting } from "./setting.ts";
import { type ChoiceOf, type SettingName, settings } from "./settings.ts";
import { absolute, passwordSourceOf, readPassword, readTls } from "./files.ts";
import { doorsOfTheRuntime, readListening } from "./listening.ts";
import { type CommandLine, readValues, type Values } from "./sources.ts";
import { readSuffix } from "./suffix.ts";
import { readTracing, type Tracing } from "./tracing.ts";
import { warningsOf } from "./warnings.ts";
import { oneLine } from "./shown.ts";

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
  readonly tracing: Tracing | undefined;
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

/** Reads the configuration of `jobrunner serve`. What is not set has the default of its row in the table. */
export function parseConfig(
  givenEnv: Readonly<Record<string, string>>,
  commandLine: CommandLine,
  machine: Omit<Surroundings, "env">,
  table: readonly Setting[] = settings,
): ConfigResult {
  const env = machine.os === "windows" ? upperCaseNames(givenEnv) : givenEnv;
  const around: Surroundings = { ...machine, env };
  const { stderrIsTerminal } = around;
  const basis = { tempDir: absolute(around.tempDir, around), stderrIsTerminal };
  const values = readValues(env, commandLine, basis, table);
  const command = readCommand(values, commandLine, around);
  const numWorkers = values.number("JOBRUNNER_NUM_WORKERS");
  const listening = readListening(values, passwordSourceOf(values).kind !== "none");
  const sandbox = values.choice("JOBRUNNER_SANDBOX") === "on";
  for (const name of around.undecodable) {
    if (name.startsWith("JOBRUNNER_")) values.faults.push(`${name}: must be UTF-8 text`);
  }
  values.faults.push(...doorsOfTheRuntime(env));
  const ownSession = values.choice("JOBRUNNER_OWN_SESSION") === "on" && around.hasLauncher;
  if (sandbox && !ownSession) values.faults.push(...refusedByTheSandbox(env));
  // Faults stand in the order in which values are read.
  const queueLimit = values.number("JOBRUNNER_QUEUE_LIMIT");
  const queueTimeoutMs = values.milliseconds("JOBRUNNER_QUEUE_TIMEOUT_SEC");
  const jobTimeoutMs = values.milliseconds("JOBRUNNER_JOB_TIMEOUT_SEC");
  const stopping = {
    killGraceMs: values.milliseconds("JOBRUNNER_KILL_GRACE_SEC"),
    drainTimeoutMs: values.milliseconds("JOBRUNNER_DRAIN_TIMEOUT_SEC"),
  };
  const onDisconnect = values.choice("JOBRUNNER_ON_DISCONNECT");
  const http = {
    ...listening,
    port: values.number("JOBRUNNER_HTTP_LISTEN_PORT"),
    passwordDigest: readPassword(values, around),
    tls: readTls(values, around),
    maxRequestBytes: values.number("JOBRUNNER_MAX_REQUEST_BYTES"),
    requestTimeoutMs: values.milliseconds("JOBRUNNER_REQUEST_TIMEOUT_SEC"),
    maxBufferedBytes: values.number("JOBRUNNER_MAX_BUFFERED_BYTES"),
    answerTimeoutMs: values.milliseconds("JOBRUNNER_ANSWER_TIMEOUT_SEC"),
  };
  const maxOutputBytes = values.number("JOBRUNNER_MAX_OUTPUT_BYTES");
  const spool = readSpool(values, around, sandbox);
  const launcher = { ownSession, parents: launcherParents(spool, around) };
  const requestSuffix = readSuffix("JOBRUNNER_REQUEST_SUFFIX", values);
  const responseSuffix = readSuffix("JOBRUNNER_RESPONSE_SUFFIX", values);
  const log = {
    format: values.choice("JOBRUNNER_LOG_FORMAT"),
    level: values.choice("JOBRUNNER_LOG_LEVEL"),
  };
  const accessLog = values.choice("JOBRUNNER_ACCESS_LOG") === "on";
  const tracing = readTracing(env, values.faults);
  if (values.faults.length > 0 || command === undefined) {
    return { ok: false, faults: values.faults.map(oneLine) };
  }
  const config: Config = frozen({
    work: {
      command,
      jobs: { numWorkers, queueLimit, queueTimeoutMs, onDisconnect },
      run: { jobTimeoutMs, maxOutputBytes, requestSuffix, responseSuffix },
    },
    http: { ...http, accessLog },
    spool,
    launcher,
    sandbox,
    stopping,
    log,
    tracing,
  });
  return {
    ok: true,
    config,
    warnings: warningsOf(config, around),
    effective: describe(table, values, commandLine, command),
  };
}

/** The same value, with all its records and lists frozen. Bytes stay as they are: they cannot be. */
function frozen<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  Object.values(value).forEach(frozen);
  return Object.freeze(value);
}

function upperCaseNames(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name.toUpperCase(), value]),
  );
}

function readCommand(
  values: Values,
  { program }: CommandLine,
  around: Surroundings,
): Command | undefined {
  if (program) {
    const result = commandOf(program, around);
    if (result.ok) return result.command;
    values.faults.push(
      `--: must be followed by a program and its arguments (${result.reason}): jobrunner serve -- PROGRAM ARG…`,
    );
    return undefined;
  }
  const text = values.text("JOBRUNNER_CMD");
  if (text.trim() === "") {
    values.faults.push(
      "JOBRUNNER_CMD=: must be a program and its arguments (or use --cmd, or jobrunner serve -- PROGRAM ARG…)",
    );
    return undefined;
  }
  const result = parseCommand(text, around);
  return result.ok ? result.command : values.fault("JOBRUNNER_CMD", result.reason);
}

function readSpool(values: Values, around: Surroundings, sandbox: boolean): SpoolConfig {
  const folder = absolute(values.text("JOBRUNNER_SPOOL_DIR"), around);
  if (around.fileKind(folder) !== "folder") {
    if (values.origin("JOBRUNNER_SPOOL_DIR") !== "default") values.fault("JOBRUNNER_SPOOL_DIR");
    else {values.faults.push(
        `JOBRUNNER_SPOOL_DIR=: must be an existing folder (the temp folder ${folder} is none)`,
      );}
  }
  if (sandbox && around.os === "linux" && /^\/(dev|proc|sys)(\/|$)/.test(around.realPath(folder))) {
    values.faults.push(
      `JOBRUNNER_SPOOL_DIR=${folder}: must lie outside /dev, /proc and /sys, where the sandbox can open nothing: choose another folder, or set JOBRUNNER_SANDBOX=off`,
    );
  }
  return { parent: folder };
}

/** A launcher cannot be where programs are forbidden to run (mount option noexec), so there is more than one place. */
function launcherParents({ parent }: SpoolConfig, around: Surroundings): string[] {
  // systemd's folder for the state of a service (systemd.exec(5)).
  const state = (around.env["STATE_DIRECTORY"] ?? "").split(":");
  return [...new Set([parent, around.tempDir, ...state])].filter((folder) =>
    folder.startsWith("/") && around.fileKind(folder) === "folder"
  );
}

/**
 * Without a launcher Deno refuses every spawn from a sandboxed isolate while one of these is in the command's environment,
 * because such a variable makes the allowed program load code of somebody else's choice. One sentence for each.
 */
export function refusedByTheSandbox(env: Readonly<Record<string, string>>): string[] {
  return Object.keys(env).filter((name) => /^(LD|DYLD)_/.test(name) && env[name]).map((name) =>
    `${name}: must be unset while the sandbox is on, or no command could start: unset it, or set JOBRUNNER_SANDBOX=off`
  );
}

function describe(
  table: readonly Setting[],
  values: Values,
  { program }: CommandLine,
  command: Command,
): string[] {
  return table.map(({ name: anyName, secret }) => {
    const name = anyName as SettingName;
    if (name === "JOBRUNNER_CMD" && program) return `${name}=${command.text}  # after --`;
    const text = values.text(name);
    return `${name}=${secret && text !== "" ? "***" : text}  # ${values.origin(name)}`;
  });
}

/** Host and port as a URL has them (RFC 3986, section 3.2). */
export function authority(address: string, port: number): string {
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}
