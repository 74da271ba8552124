/**
 * From a plain environment object and flags to a frozen `Config`, all faults at once. A pure function of what it is handed.
 *
 * @module
 */

import { type Command, commandOf, parseCommand, type ProgramLookup } from "./command.ts";
import type { Setting } from "./setting.ts";
import { type ChoiceOf, type SettingName, settings } from "./settings.ts";
import { absolute, passwordSourceOf, readPassword, readTls } from "./files.ts";
import { doorsOfTheRuntime, type Listening, readListening } from "./listening.ts";
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

/** Grades of the log, from chatty to grave. */
export type LogLevel = ChoiceOf<"JOBRUNNER_LOG_LEVEL">;

/** The configuration. Times in milliseconds, sizes in bytes; `Infinity` where there is no limit. Holds no password. */
export interface Config extends Listening {
  /** What each job runs. */
  readonly command: Command;
  /** Workers, 1 to 1024. */
  readonly numWorkers: number;
  /** Jobs that may wait. */
  readonly queueLimit: number;
  /** How long a job may wait; `Infinity` for no limit. */
  readonly queueTimeoutMs: number;
  /** How long a command may run; `Infinity` for no limit. */
  readonly jobTimeoutMs: number;
  /** Between SIGTERM and SIGKILL; 0 for SIGKILL at once. */
  readonly killGraceMs: number;
  /** How long a drain may take before what is left is ended; 0 for at once. */
  readonly drainTimeoutMs: number;
  /** What becomes of a running job whose client is gone. */
  readonly onDisconnect: ChoiceOf<"JOBRUNNER_ON_DISCONNECT">;
  /** 0 asks for a free port. */
  readonly listenPort: number;
  /** SHA-256 of the password's UTF-8 bytes; undefined when no password is asked for. */
  readonly passwordDigest: Uint8Array | undefined;
  /** Certificate chain and private key as PEM text. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  /** Largest request body; always a number. */
  readonly maxRequestBytes: number;
  /** The periods in each of which enough of a body must come. */
  readonly requestTimeoutMs: number;
  /** Bytes held in memory for requests, all together. */
  readonly maxBufferedBytes: number;
  /** How long a client may take nothing of its answer. */
  readonly answerTimeoutMs: number;
  /** Bytes kept of each of stdout, stderr and the response file. */
  readonly maxOutputBytes: number;
  /** Absolute path of the folder in which the spool is made. */
  readonly spoolParent: string;
  /** Appended to the name of the file that holds a payload; may be empty. */
  readonly requestSuffix: string;
  /** Appended to the name of the response file; may be empty. */
  readonly responseSuffix: string;
  /** How log lines look. */
  readonly logFormat: ChoiceOf<"JOBRUNNER_LOG_FORMAT">;
  /** The least grave level that is logged. */
  readonly logLevel: LogLevel;
  /** Whether every request has a line in the log. */
  readonly accessLog: boolean;
  /** Where spans go; undefined when none are recorded. */
  readonly tracing: Tracing | undefined;
  /** Whether each command should have a session of its own. */
  readonly ownSession: boolean;
  /** Absolute paths of folders in which a launcher may be made, in the order in which they are tried. */
  readonly launcherParents: readonly string[];
  /** Whether the service runs in an isolate of narrowed permissions. */
  readonly sandbox: boolean;
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
  const config: Omit<Config, "command"> & { command: Command | undefined } = {
    command,
    numWorkers,
    queueLimit: values.number("JOBRUNNER_QUEUE_LIMIT"),
    queueTimeoutMs: values.milliseconds("JOBRUNNER_QUEUE_TIMEOUT_SEC"),
    jobTimeoutMs: values.milliseconds("JOBRUNNER_JOB_TIMEOUT_SEC"),
    killGraceMs: values.milliseconds("JOBRUNNER_KILL_GRACE_SEC"),
    drainTimeoutMs: values.milliseconds("JOBRUNNER_DRAIN_TIMEOUT_SEC"),
    onDisconnect: values.choice("JOBRUNNER_ON_DISCONNECT"),
    ...listening,
    listenPort: values.number("JOBRUNNER_HTTP_LISTEN_PORT"),
    passwordDigest: readPassword(values, around),
    tls: readTls(values, around),
    maxRequestBytes: values.number("JOBRUNNER_MAX_REQUEST_BYTES"),
    requestTimeoutMs: values.milliseconds("JOBRUNNER_REQUEST_TIMEOUT_SEC"),
    maxBufferedBytes: values.number("JOBRUNNER_MAX_BUFFERED_BYTES"),
    answerTimeoutMs: values.milliseconds("JOBRUNNER_ANSWER_TIMEOUT_SEC"),
    maxOutputBytes: values.number("JOBRUNNER_MAX_OUTPUT_BYTES"),
    ...readFolders(values, around, sandbox),
    requestSuffix: readSuffix("JOBRUNNER_REQUEST_SUFFIX", values),
    responseSuffix: readSuffix("JOBRUNNER_RESPONSE_SUFFIX", values),
    logFormat: values.choice("JOBRUNNER_LOG_FORMAT"),
    logLevel: values.choice("JOBRUNNER_LOG_LEVEL"),
    accessLog: values.choice("JOBRUNNER_ACCESS_LOG") === "on",
    tracing: readTracing(env, values.faults),
    ownSession,
    sandbox,
  };
  if (values.faults.length > 0 || !isComplete(config)) {
    return { ok: false, faults: values.faults.map(oneLine) };
  }
  return {
    ok: true,
    config: Object.freeze(config),
    warnings: warningsOf(config, around),
    effective: describe(table, values, commandLine, config.command),
  };
}

function isComplete(config: { readonly command: Command | undefined }): config is Config {
  return config.command !== undefined;
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

function readSpoolParent(values: Values, around: Surroundings, sandbox: boolean): string {
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
  return folder;
}

/** Where the spool is made and, since a folder may forbid programs to run (mount option noexec), where launchers may be. */
function readFolders(
  values: Values,
  around: Surroundings,
  sandbox: boolean,
): Pick<Config, "spoolParent" | "launcherParents"> {
  const spoolParent = readSpoolParent(values, around, sandbox);
  // systemd's folder for the state of a service (systemd.exec(5)).
  const folders = [
    spoolParent,
    around.tempDir,
    ...(around.env["STATE_DIRECTORY"] ?? "").split(":"),
  ];
  return {
    spoolParent,
    launcherParents: [...new Set(folders)].filter((folder) =>
      folder.startsWith("/") && around.fileKind(folder) === "folder"
    ),
  };
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
