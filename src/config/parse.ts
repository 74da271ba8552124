/**
 * Turns a plain environment object, flags and a configuration file into a frozen `Config`, or all configuration errors at
 * once. A pure function of its arguments.
 *
 * @module
 */

import { type Command, readCommand, setterOfCommand } from "./command.ts";
import { type Commands, readCommands } from "./file/commands.ts";
import type { Config, ConfigResult, Surroundings } from "./config.ts";
import { readCluster } from "./cluster.ts";
import { readDefaultCommand } from "./file/default_command.ts";
import { refusedByTheSandbox, variablesThatOpenTheServer, withNamesOf } from "./environment.ts";
import { faultsOf } from "./file/faults.ts";
import type { ConfigFile } from "./file/config_file.ts";
import { absolute, passwordSourceOf, readPassword, readTls } from "./files.ts";
import { launcherParents, readSpool } from "./folders.ts";
import { asTheServer } from "./file/launch.ts";
import { readListening, readTrustedProxies } from "./listening.ts";
import { readResponseType } from "./media_type.ts";
import { readPassHeaders, refuseAuthorization } from "./pass_headers.ts";
import { onlyShared } from "./file/pools.ts";
import type { Setting } from "./setting.ts";
import { type SettingName, settings } from "./settings.ts";
import { oneLine } from "./shown.ts";
import { type CommandLine, readValues, type Values } from "./sources.ts";
import { getsJobsByStdin } from "./stdin.ts";
import { readSuffix } from "./suffix.ts";
import { readTop } from "./file/tables.ts";
import { readTokens } from "./file/tokens.ts";
import { isTable } from "./file/toml.ts";
import { readTracing } from "./tracing.ts";
import { warningsOf } from "./warnings.ts";

/**
 * Reads the configuration of `jobrunner serve`. A setting without a value has the default of its row in the table. The files
 * are what `readConfigFile` and `readTokensFile` return.
 */
export function parseConfig(
  givenEnv: Readonly<Record<string, string>>,
  commandLine: CommandLine,
  machine: Omit<Surroundings, "env">,
  file?: ConfigFile,
  tokensFile?: ConfigFile,
  table: readonly Setting[] = settings,
): ConfigResult {
  const env = withNamesOf(machine.os, givenEnv);
  const around: Surroundings = { ...machine, env };
  const { stderrIsTerminal } = around;
  const basis = { tempDir: absolute(around.tempDir, around), stderrIsTerminal };
  const faults = file && faultsOf(file);
  const top = faults && { given: readTop(file.top, faults).given, faults };
  const values = readValues(env, commandLine, basis, top, table);
  values.errors.push(...file?.errors ?? []);
  const command = readCommand(values, commandLine, around, {
    optional: file !== undefined && mayHaveCommands(file),
    ...(file ? { orElse: `, or a table [commands.NAME] in ${file.path}` } : {}),
  });
  const numWorkers = values.number("JOBRUNNER_NUM_WORKERS");
  const mayHaveNoWorkers = values.text("JOBRUNNER_NATS_URL") !== "";
  if (numWorkers === 0 && !mayHaveNoWorkers) {
    values.addError("JOBRUNNER_NUM_WORKERS", onlyShared);
  }
  const hasPassword = passwordSourceOf(values).kind !== "none";
  const listening = readListening(values, hasPassword || tokensFile !== undefined, around);
  const sandbox = values.choice("JOBRUNNER_SANDBOX") === "on";
  for (const name of around.undecodable) {
    if (name.startsWith("JOBRUNNER_")) values.errors.push(`${name}: must be UTF-8 text`);
  }
  values.errors.push(...variablesThatOpenTheServer(env));
  const ownSession = values.choice("JOBRUNNER_OWN_SESSION") === "on" && around.hasLauncher;
  // Named commands are started by launchers even without sessions of their own.
  const launched = ownSession || (file !== undefined && around.hasLauncher);
  if (sandbox && !launched) values.errors.push(...refusedByTheSandbox(env));
  const configWatchMs = values.milliseconds("JOBRUNNER_CONFIG_WATCH_SEC");
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
  const maxRunBytes = values.number("JOBRUNNER_MAX_RUN_BYTES");
  const http = {
    ...listening,
    port: values.number("JOBRUNNER_HTTP_LISTEN_PORT"),
    passwordDigest: readPassword(values, around),
    tls: readTls(values, around),
    trustedProxies: readTrustedProxies(values),
    requestTimeoutMs: values.milliseconds("JOBRUNNER_REQUEST_TIMEOUT_SEC"),
    maxBufferedBytes: values.number("JOBRUNNER_MAX_BUFFERED_BYTES"),
    answerTimeoutMs: values.milliseconds("JOBRUNNER_ANSWER_TIMEOUT_SEC"),
  };
  if (http.socket && http.tls) {
    values.addError(
      "JOBRUNNER_TLS_CERT_FILE",
      undefined,
      "left out while the server listens on a unix socket, which has no TLS",
    );
  }
  const maxOutputBytes = values.number("JOBRUNNER_MAX_OUTPUT_BYTES");
  const maxResultBytes = values.number("JOBRUNNER_MAX_RESULT_BYTES");
  const responseType = readResponseType(values);
  const failedStatus = values.number("JOBRUNNER_FAILED_STATUS");
  const passHeaders = readPassHeaders(values);
  const stdin = values.choice("JOBRUNNER_STDIN");
  const warm = values.choice("JOBRUNNER_WARM") === "on";
  const warmMaxJobs = values.number("JOBRUNNER_WARM_MAX_JOBS");
  const warmMaxAgeMs = values.milliseconds("JOBRUNNER_WARM_MAX_AGE_SEC");
  if (command && warm && stdin === "payload") {
    values.addError(
      "JOBRUNNER_WARM",
      undefined,
      `off while JOBRUNNER_STDIN=payload: ${getsJobsByStdin}`,
    );
  }
  const spool = readSpool(values, around, sandbox);
  const launcher = { ownSession, parents: launcherParents(spool, around) };
  const requestSuffix = readSuffix("JOBRUNNER_REQUEST_SUFFIX", values);
  const responseSuffix = readSuffix("JOBRUNNER_RESPONSE_SUFFIX", values);
  const log = {
    format: values.choice("JOBRUNNER_LOG_FORMAT"),
    level: values.choice("JOBRUNNER_LOG_LEVEL"),
  };
  const accessLog = values.choice("JOBRUNNER_ACCESS_LOG") === "on";
  const cluster = readCluster(values, around);
  const tracing = readTracing(env, values.errors);
  const defaults = {
    command: {
      maxRequestBytes,
      maxRunBytes,
      passHeaders,
      responseType,
      failedStatus,
      onDisconnect,
      killGraceMs: stopping.killGraceMs,
      run: {
        jobTimeoutMs,
        maxOutputBytes,
        maxResultBytes,
        stdin,
        warm,
        warmMaxJobs,
        warmMaxAgeMs,
        requestSuffix,
        responseSuffix,
      },
    },
    pool: { numWorkers, mayHaveNoWorkers, queueTimeoutMs, queueLimitOf: values.queueLimitOf },
  };
  const settingCommand = setterOfCommand(values, commandLine);
  const inFile: Commands = faults
    ? readCommands({
      top: file.top,
      places: file.places,
      faults,
      around,
      refusesLoading: sandbox && !launched,
      defaults,
      settingCommand,
    })
    : { names: [], commands: [], pools: [] };
  const commands = [...inFile.commands];
  const pools = [...inFile.pools];
  if (command) {
    const name = "default";
    const about = { name, description: undefined, pool: name, command };
    commands.unshift({ ...about, ...defaults.command, launch: asTheServer });
    pools.unshift({ name, numWorkers, queueLimit, queueTimeoutMs });
    const isLimited = values.origin("JOBRUNNER_QUEUE_LIMIT") !== "default";
    if (numWorkers === 0 && mayHaveNoWorkers && !isLimited) {
      values.errors.push(
        `JOBRUNNER_QUEUE_LIMIT=: must be set when ${values.label("JOBRUNNER_NUM_WORKERS")} is 0`,
      );
    }
  }
  const defaultCommand = readDefaultCommand(values, { names: inFile.names, settingCommand, file });
  const isComplete = file === undefined || file.errors.length === 0;
  const names = [...inFile.names, ...settingCommand === undefined ? [] : ["default"]];
  const tokens = tokensFile && readTokens(tokensFile, isComplete ? names : undefined);
  if (tokensFile) refuseAuthorization(values, commands, passHeaders, faults);
  const errors = [...values.errors, ...faults?.all() ?? [], ...tokens?.errors ?? []];
  if (errors.length > 0) return { ok: false, errors: errors.map(oneLine) };
  const config: Config = frozen({
    named: file !== undefined,
    configWatchMs,
    commands,
    pools,
    defaultCommand,
    http: { ...http, tokens: tokens?.tokens, accessLog },
    spool,
    launcher,
    sandbox,
    stopping,
    log,
    tracing,
    cluster: cluster.config,
  });
  return {
    ok: true,
    config,
    warnings: warningsOf(config, around, command !== undefined),
    effective: describe(table, values, commandLine, command),
    clusterSecrets: cluster.secrets,
  };
}

/** Whether a file has commands, or might if it could be read. */
function mayHaveCommands({ top, errors }: ConfigFile): boolean {
  const commands = top["commands"] ?? {};
  return errors.length > 0 || !isTable(commands) || Object.keys(commands).length > 0;
}

/** The same value, with all its records and lists frozen. Byte arrays cannot be frozen. */
function frozen<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  Object.values(value).forEach(frozen);
  return Object.freeze(value);
}

/** The effective settings, one line `NAME=value  # origin` for each. */
function describe(
  table: readonly Setting[],
  values: Values,
  { program }: CommandLine,
  command: Command | undefined,
): string[] {
  return table.map(({ name: anyName, secret }) => {
    const name = anyName as SettingName;
    if (name === "JOBRUNNER_CMD" && program && command) {
      return `${name}=${command.text}  # after --`;
    }
    const [text, origin] = [values.text(name), values.origin(name)];
    // Texts of a file may have several lines.
    const shown = secret && text !== "" ? "***" : origin === "file" ? oneLine(text) : text;
    return `${name}=${shown}  # ${origin}`;
  });
}
