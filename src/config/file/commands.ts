/**
 * The commands of the configuration file.
 *
 * @module
 */

import { parseCommand } from "../command.ts";
import { maxDescriptionLength } from "./command_keys.ts";
import type { CommandConfig, PoolConfig } from "../config.ts";
import { type Reading, readLaunch } from "./launch.ts";
import { maxCommands } from "../max_commands.ts";
import { faultInMediaType } from "../media_type.ts";
import { faultInHeaders, headersIn } from "../pass_headers.ts";
import { type PoolDefaults, poolsOf } from "./pools.ts";
import type { Section } from "./section.ts";
import { oneLine } from "../shown.ts";
import { getsJobsByStdin } from "../stdin.ts";
import { brokenRules } from "../suffix.ts";
import { type NamedSection, readTables } from "./tables.ts";
import type { TomlTable } from "./toml.ts";

/** What the top of the file, variables and flags set for every command. */
export type CommandDefaults = Pick<
  CommandConfig,
  | "maxRequestBytes"
  | "maxRunBytes"
  | "passHeaders"
  | "responseType"
  | "failedStatus"
  | "onDisconnect"
  | "killGraceMs"
  | "run"
>;

/** What is needed to read all commands. */
export interface ReadingOfCommands extends Omit<Reading, "section"> {
  /** The top of the file. */
  readonly top: TomlTable;
  /** What commands and pools have unless their tables say otherwise. */
  readonly defaults: { readonly pool: PoolDefaults; readonly command: CommandDefaults };
  /** Where the command `default` is set, if not in its table: `JOBRUNNER_CMD`, `--cmd`, `--` or `cmd`. */
  readonly settingCommand: string | undefined;
}

/** The commands and pools of a file. */
export interface Commands {
  /** Names of all commands, also of those with faults. */
  readonly names: readonly string[];
  /** The commands, in the order of the file. */
  readonly commands: readonly CommandConfig[];
  /** Their pools, in the order in which commands use them first. */
  readonly pools: readonly PoolConfig[];
}

/** Reads the commands of a file and their pools. Those with faults may be missing. */
export function readCommands(reading: ReadingOfCommands): Commands {
  const { top, faults, defaults, settingCommand } = reading;
  const pools = poolsOf(readTables("pools", top, faults), {
    defaults: defaults.pool,
    faults,
    settingCommand,
  });
  const sections = readTables("commands", top, faults);
  const commands = sections.flatMap((section) => {
    if (section.name === "default" && settingCommand !== undefined) {
      faults.add(section.path, `must be left out, since ${settingCommand} sets this command`);
    }
    const pool = pools.poolOf(section);
    return readCommandOf(section, { ...reading, section }, pool, defaults.command) ?? [];
  });
  const tooMany = sections[maxCommands - (settingCommand === undefined ? 0 : 1)];
  if (tooMany) {
    faults.add(tooMany.path, `must be left out: there may be at most ${maxCommands} commands`);
  }
  return { names: sections.map(({ name }) => name), commands, pools: pools.all() };
}

/** A command of the file; undefined after some faults. */
function readCommandOf(
  section: NamedSection,
  reading: Reading,
  pool: PoolConfig | undefined,
  defaults: CommandDefaults,
): CommandConfig | undefined {
  const { number, milliseconds } = section;
  const ownWarm = section.text("warm");
  const rest = {
    description: readDescription(section),
    maxRequestBytes: number("max_request_bytes") ?? defaults.maxRequestBytes,
    maxRunBytes: number("max_run_bytes") ?? defaults.maxRunBytes,
    passHeaders: readOwnHeaders(section) ?? defaults.passHeaders,
    responseType: readOwnResponseType(section) ?? defaults.responseType,
    failedStatus: number("failed_status") ?? defaults.failedStatus,
    // The row allows nothing else.
    onDisconnect: section.text("on_disconnect") as CommandConfig["onDisconnect"] | undefined ??
      defaults.onDisconnect,
    killGraceMs: milliseconds("kill_grace_sec") ?? defaults.killGraceMs,
    run: {
      jobTimeoutMs: milliseconds("job_timeout_sec") ?? defaults.run.jobTimeoutMs,
      maxOutputBytes: number("max_output_bytes") ?? defaults.run.maxOutputBytes,
      maxResultBytes: number("max_result_bytes") ?? defaults.run.maxResultBytes,
      // The row allows nothing else.
      stdin: section.text("stdin") as CommandConfig["run"]["stdin"] | undefined ??
        defaults.run.stdin,
      warm: ownWarm === undefined ? defaults.run.warm : ownWarm === "on",
      warmMaxJobs: number("warm_max_jobs") ?? defaults.run.warmMaxJobs,
      warmMaxAgeMs: milliseconds("warm_max_age_sec") ?? defaults.run.warmMaxAgeMs,
      requestSuffix: readOwnSuffix(section, "request_suffix") ?? defaults.run.requestSuffix,
      responseSuffix: readOwnSuffix(section, "response_suffix") ?? defaults.run.responseSuffix,
    },
    launch: readLaunch(reading, pool),
  };
  refuseForWarm(reading, rest);
  const text = section.text("cmd");
  if (!section.given.has("cmd")) {
    reading.faults.add([...section.path, "cmd"], "must be set to a program and its arguments");
  }
  if (text === undefined) return undefined;
  const result = text.trim() === ""
    ? { ok: false, reason: "it is empty" } as const
    : parseCommand(text, reading.around);
  if (!result.ok) return section.refuse("cmd", result.reason);
  return pool && { name: section.name, pool: pool.name, command: result.command, ...rest };
}

/** Adds the faults of a warm command: what its processes cannot have. */
function refuseForWarm(
  { section, faults }: Reading,
  { run, launch }: Pick<CommandConfig, "run" | "launch">,
): void {
  if (!run.warm) return;
  if (run.stdin === "payload") {
    faults.add([...section.path, "warm"], `must be off while stdin is payload: ${getsJobsByStdin}`);
  }
  if (launch.limits.cpuSec !== undefined) {
    faults.add(
      [...section.path, "limit_cpu_sec"],
      "must be left out while warm is on: it would count the CPU time of all jobs of a process",
    );
  }
}

function readDescription(section: Section): string | undefined {
  const text = section.text("description");
  if (text === undefined) return undefined;
  const isShort = [...text].length <= maxDescriptionLength;
  return text.trim() !== "" && isShort && oneLine(text) === text
    ? text
    : section.refuse("description");
}

function readOwnSuffix(section: Section, key: "request_suffix" | "response_suffix") {
  const suffix = section.text(key);
  for (const broken of brokenRules(suffix ?? "")) section.refuse(key, broken);
  return suffix;
}

function readOwnHeaders(section: Section): readonly string[] | undefined {
  const text = section.text("pass_headers");
  if (text === undefined) return undefined;
  const fault = faultInHeaders(text);
  return fault === undefined ? headersIn(text) : section.refuse("pass_headers", fault);
}

function readOwnResponseType(section: Section): string | undefined {
  const text = section.text("response_type");
  const fault = text === undefined ? undefined : faultInMediaType(text);
  return fault === undefined ? text : section.refuse("response_type", fault);
}
