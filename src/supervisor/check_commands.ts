/**
 * The commands in the report of `jobrunner serve --check`.
 *
 * @module
 */

import type {
  CommandConfig,
  Config,
  LaunchConfig,
  PoolConfig,
  RunConfig,
} from "../config/config.ts";

/** The program of a command and its arguments, one line each. */
export function commandLines(given: CommandConfig | undefined): string[] {
  if (!given) return [];
  const { program, args, found } = given.command;
  return [
    `command: ${program}${found ? "" : " (missing or not an executable file)"}`,
    ...args.map((arg, index) => `argument ${index + 1}: ${arg}`),
  ];
}

/** All commands of a configuration file with their limits, then the pools that several commands share. */
export function describeCommands({ commands, pools, defaultCommand }: Config): string[] {
  const poolOf = (name: string) => pools.find((pool) => pool.name === name) as PoolConfig;
  return [
    `default command: ${defaultCommand ?? "none"}`,
    ...commands.flatMap((command) => [
      `command ${command.name}:`,
      ...[
        ...(command.description === undefined ? [] : [`description: ${command.description}`]),
        ...commandLines(command),
        poolLine(poolOf(command.pool)),
        limitsLine(command),
        runLimitsLine(command),
        ...(command.run.stdin === "payload" ? ["standard input: the payload"] : []),
        ...(command.run.warm ? [warmLine(command.run)] : []),
        ...launchLines(command.launch),
      ].map((line) => `  ${line}`),
    ]),
  ];
}

function poolLine({ name, numWorkers, queueLimit, queueTimeoutMs }: PoolConfig): string {
  const most = queueTimeoutMs === Infinity ? "" : `, for at most ${seconds(queueTimeoutMs)}`;
  const workers = counted(numWorkers, "worker");
  return `pool: ${name}, ${workers}, ${counted(queueLimit, "job")} may wait${most}`;
}

function limitsLine({ run, maxRequestBytes, killGraceMs, onDisconnect }: CommandConfig): string {
  return [
    `limits: run ${run.jobTimeoutMs === Infinity ? "unlimited" : seconds(run.jobTimeoutMs)}`,
    `kill grace ${seconds(killGraceMs)}`,
    `request ${bytes(maxRequestBytes)}`,
    `each output ${bytes(run.maxOutputBytes)}`,
    `on disconnect ${onDisconnect}`,
  ].join(", ");
}

function runLimitsLine({ run, maxRunBytes }: CommandConfig): string {
  return `limits of POST /run: request ${bytes(maxRunBytes)}, each output ${
    bytes(run.maxResultBytes)
  }`;
}

function warmLine({ warmMaxJobs, warmMaxAgeMs }: RunConfig): string {
  const most = [
    ...(warmMaxJobs === Infinity ? [] : [counted(warmMaxJobs, "job")]),
    ...(warmMaxAgeMs === Infinity ? [] : [seconds(warmMaxAgeMs)]),
  ];
  const until = most.length === 0 ? "" : `, replaced after ${most.join(" or ")}`;
  return `warm: a process of each worker waits for the job${until}`;
}

/** What its process starts with, as far as it is not the server's. Values of variables may be secrets. */
function launchLines({ inheritEnv, env, workingDirectory, umask, nice, limits }: LaunchConfig) {
  const own = Object.keys(env);
  const process = [
    ["umask", umask?.toString(8).padStart(3, "0")],
    ["nice", nice],
    ["memory in bytes", limits.memoryBytes],
    ["CPU seconds", limits.cpuSec],
    ["file size in bytes", limits.fileBytes],
    ["open files", limits.openFiles],
  ].filter(([, value]) => value !== undefined).map((pair) => pair.join(" "));
  return [
    ...(inheritEnv === "all" ? [] : [`inherits: ${inheritEnv.join(", ") || "nothing"}`]),
    ...(own.length === 0 ? [] : [`variables: ${own.join(", ")}`]),
    ...(workingDirectory === undefined ? [] : [`working directory: ${workingDirectory}`]),
    ...(process.length === 0 ? [] : [`process: ${process.join(", ")}`]),
  ];
}

function bytes(limit: number): string {
  return limit === Infinity ? "unlimited" : counted(limit, "byte");
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}
