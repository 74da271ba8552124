/**
 * `jobrunner serve --check`: shows what would be served, as which user and with which permissions.
 *
 * @module
 */

import { userInfo } from "node:os";
import { dirname } from "node:path";
import type { HttpConfig } from "../config/config.ts";
import type { Command } from "../config/command.ts";
import { stdinIsPiped } from "../config/stdin.ts";
import type { ServiceStart } from "../isolate/messages.ts";
import { StartError } from "../isolate/start_error.ts";
import { type Log, openLog } from "../telemetry/log.ts";
import { commandLines, describeCommands } from "./check_commands.ts";
import { tryWarmCommands } from "./check_warm.ts";
import { type Folders, openFolders } from "./folders.ts";
import type { ServedConfig } from "./served_config.ts";
import { isolateDefaults, probeService, type ServiceTrial } from "./start_service.ts";
import type { IsolateOptions } from "./serving.ts";
import { catchChildSignals } from "./signals.ts";

/** The report, and whether everything is in order. */
export interface CheckReport {
  /** Lines for standard output. */
  readonly lines: readonly string[];
  /**
   * False if the command cannot be run, if the sandbox allows or refuses something that it should not, or if the queue that machines
   * share cannot be used.
   */
  readonly healthy: boolean;
}

/** Checks everything without serving. Of all commands only warm ones are started, without a job. `env` is the environment of the server. */
export async function check(
  { config, effective, warnings, clusterSecrets }: ServedConfig & {
    readonly effective: readonly string[];
  },
  env: Readonly<Record<string, string>>,
  isolate: IsolateOptions = isolateDefaults,
): Promise<CheckReport> {
  const { commands, sandbox } = config;
  const log = openLog(config.log);
  const { probes = [], queue, failure, start, warnings: found } = await tryOut(
    { config, clusterSecrets },
    env,
    log,
    isolate,
  );
  const warm = await tryWarmCommands(config, env, log);
  const deviations = sandbox ? probes.filter((probe) => probe.allowed !== probe.expected) : [];
  return {
    healthy: commands.every(({ command }) => command.found) && failure === undefined &&
      deviations.length === 0 && !queue?.errors.length,
    lines: [
      ...effective,
      "",
      ...(config.named ? describeCommands(config) : commandLines(commands[0])),
      ...config.http.tokens?.map(describeToken) ?? [],
      `PATH: ${env["PATH"] ?? ""}`,
      `user: ${userName()} (uid ${Deno.uid()}, gid ${Deno.gid()})`,
      `working directory: ${Deno.cwd()}`,
      "",
      ...(start ? [`session: ${sessionOf(start)}`, `spool: ${spoolOf(start)}`] : []),
      `sandbox: ${sandbox ? "on" : "off"}`,
      ...(start ? [`a compromised service could: ${reachOf(start)}`] : []),
      ...probes.map(({ attempt, allowed }) =>
        `probe: ${attempt}: ${allowed ? "allowed" : "refused"}`
      ),
      ...warm.map((sentence) => `warm: ${sentence}`),
      ...queue?.found.map((sentence) => `queue: ${sentence}`) ?? [],
      ...[...warnings, ...found, ...queue?.warnings ?? []].map((warning) => `warning: ${warning}`),
      ...(failure === undefined ? [] : [`error: ${failure}`]),
      ...queue?.errors.map((error) => `error: ${error}`) ?? [],
      ...deviations.map(({ attempt, expected }) =>
        `error: ${attempt}: must be ${expected ? "allowed" : "refused"}`
      ),
    ],
  };
}

/** The result of trying things out. */
interface Trial extends Partial<ServiceTrial> {
  /** Why the service isolate could not report what it may do. */
  readonly failure?: string;
  /** What the service is started with. */
  readonly start?: ServiceStart;
  /** Sentences about what is legal, but probably not what was meant. */
  readonly warnings: readonly string[];
}

/** Tries out what the service isolate may do. Its folders are always removed, and the launcher starts a harmless command. */
async function tryOut(
  { config, clusterSecrets }: Omit<ServedConfig, "warnings">,
  env: Readonly<Record<string, string>>,
  log: Log,
  isolate: IsolateOptions,
): Promise<Trial> {
  using _ends = catchChildSignals();
  let folders: Folders | undefined;
  try {
    folders = openFolders(config, env, log, standIn);
    const { warnings } = folders;
    const start = { ...folders.start, clusterSecrets };
    return {
      ...await probeService(start, isolate),
      start,
      warnings,
    };
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return { failure: error.message, warnings: [] };
  } finally {
    folders?.close();
  }
}

/** A token and what it allows; of its digests only how many there are. */
function describeToken(
  { name, digests, scopes, commands, expiresMs, addresses, maxRunning, maxWaiting }: NonNullable<
    HttpConfig["tokens"]
  >[number],
): string {
  return [
    `token ${name}: ${scopes.join(", ")}`,
    `commands: ${commands?.join(", ") ?? "all"}`,
    ...(expiresMs === Infinity ? [] : [`expires: ${new Date(expiresMs).toISOString()}`]),
    ...(addresses ? [`addresses: ${addresses.join(", ")}`] : []),
    ...(maxRunning === Infinity ? [] : [`running at once: ${maxRunning}`]),
    ...(maxWaiting === Infinity ? [] : [`waiting: ${maxWaiting}`]),
    ...(digests.length === 1 ? [] : [`digests: ${digests.length}`]),
  ].join("; ");
}

/** Replaces the command by env(1) (POSIX), which prints its environment and so shows who chooses that. */
function standIn(command: Command): Command {
  return { ...command, program: "/usr/bin/env", args: [] };
}

function sessionOf({ config, starts }: ServiceStart): string {
  const launcher = starts[0]?.launcher;
  if (!launcher) return "the server's";
  const folder = dirname(dirname(dirname(launcher.path)));
  return config.launcher.ownSession
    ? `each command's own, by a launcher in ${folder}`
    : `the server's; commands are started by a launcher in ${folder}`;
}

function spoolOf({ config, spoolBytes }: ServiceStart): string {
  return `in ${config.spool.parent}, at most ${spoolBytes} bytes for requests of POST /run`;
}

/** What an attacker in control of the service isolate could do. */
function reachOf({ config, starts, programs }: ServiceStart): string {
  if (!config.sandbox) return "do whatever this user may";
  const launcher = starts[0]?.launcher;
  const what = config.named ? "any of the commands" : "the command";
  const stdin = config.commands.some(({ run }) => stdinIsPiped(run)) ? " a standard input," : "";
  return [
    launcher?.holdsAll
      ? `run ${what} as it is configured, with${stdin} JOBRUNNER_*, TRACEPARENT and TRACESTATE of its choice`
      : launcher
      ? `run ${what} with variables of its choice, but no LD_* and DYLD_*`
      : `run ${
        programs.join(", ")
      } with arguments and variables of its choice, but no LD_* and DYLD_*`,
    "read and write the spool",
    // No permission governs the Cache API, which binaries do not have.
    ...(Deno.build.standalone ? [] : ["write below Deno's cache (not from a binary)"]),
  ].join("; ");
}

/** A user id in a container often has no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return "without a name";
  }
}
