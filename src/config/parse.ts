/**
 * Turns a plain environment object and flags into a frozen `Config`, or all configuration errors at once. A pure function of
 * its arguments.
 *
 * @module
 */

import { type Command, readCommand } from "./command.ts";
import type { Config, ConfigResult, LaunchConfig, Surroundings } from "./config.ts";
import { refusedByTheSandbox, variablesThatOpenTheServer } from "./environment.ts";
import { absolute, passwordSourceOf, readPassword, readTls } from "./files.ts";
import { launcherParents, readSpool } from "./folders.ts";
import { readListening } from "./listening.ts";
import type { Setting } from "./setting.ts";
import { type SettingName, settings } from "./settings.ts";
import { oneLine } from "./shown.ts";
import { type CommandLine, readValues, type Values } from "./sources.ts";
import { readSuffix } from "./suffix.ts";
import { readTracing } from "./tracing.ts";
import { warningsOf } from "./warnings.ts";

/** Reads the configuration of `jobrunner serve`. A setting without a value has the default of its row in the table. */
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
    if (name.startsWith("JOBRUNNER_")) values.errors.push(`${name}: must be UTF-8 text`);
  }
  values.errors.push(...variablesThatOpenTheServer(env));
  const ownSession = values.choice("JOBRUNNER_OWN_SESSION") === "on" && around.hasLauncher;
  if (sandbox && !ownSession) values.errors.push(...refusedByTheSandbox(env));
  // Errors are listed in the order in which values are read.
  const queueLimit = values.number("JOBRUNNER_QUEUE_LIMIT");
  const queueTimeoutMs = values.milliseconds("JOBRUNNER_QUEUE_TIMEOUT_SEC");
  const jobTimeoutMs = values.milliseconds("JOBRUNNER_JOB_TIMEOUT_SEC");
  const stopping = {
    killGraceMs: values.milliseconds("JOBRUNNER_KILL_GRACE_SEC"),
    drainTimeoutMs: values.milliseconds("JOBRUNNER_DRAIN_TIMEOUT_SEC"),
  };
  const onDisconnect = values.choice("JOBRUNNER_ON_DISCONNECT");
  const maxRequestBytes = values.number("JOBRUNNER_MAX_REQUEST_BYTES");
  const http = {
    ...listening,
    port: values.number("JOBRUNNER_HTTP_LISTEN_PORT"),
    passwordDigest: readPassword(values, around),
    tls: readTls(values, around),
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
  const tracing = readTracing(env, values.errors);
  if (values.errors.length > 0 || command === undefined) {
    return { ok: false, errors: values.errors.map(oneLine) };
  }
  const config: Config = frozen({
    named: false,
    commands: [{
      name: "default",
      description: undefined,
      pool: "default",
      command,
      maxRequestBytes,
      onDisconnect,
      killGraceMs: stopping.killGraceMs,
      run: { jobTimeoutMs, maxOutputBytes, requestSuffix, responseSuffix },
      launch: asTheServer,
    }],
    pools: [{ name: "default", numWorkers, queueLimit, queueTimeoutMs }],
    defaultCommand: "default",
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

/** What a command's process starts with unless the configuration file says otherwise. */
const asTheServer: LaunchConfig = {
  inheritEnv: "all",
  env: {},
  workingDirectory: undefined,
  umask: undefined,
  nice: undefined,
  limits: { memoryBytes: undefined, cpuSec: undefined, fileBytes: undefined, openFiles: undefined },
};

/** The same value, with all its records and lists frozen. Byte arrays cannot be frozen. */
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

/** The effective settings, one line `NAME=value  # origin` for each. */
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
