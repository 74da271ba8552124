/**
 * What a command's process starts with, out of its table in the configuration file.
 *
 * @module
 */

import type { LaunchConfig, PoolConfig, Surroundings } from "../config.ts";
import type { Faults } from "./faults.ts";
import { absolute } from "../files.ts";
import type { Places } from "./places.ts";
import type { Section } from "./section.ts";
import { shownValue } from "../shown.ts";
import { isTable, type TomlValue } from "./toml.ts";

/** What a command's process starts with unless the configuration file says otherwise. */
export const asTheServer: LaunchConfig = {
  inheritEnv: "all",
  env: {},
  workingDirectory: undefined,
  umask: undefined,
  nice: undefined,
  limits: { memoryBytes: undefined, cpuSec: undefined, fileBytes: undefined, openFiles: undefined },
};

/** What is needed to read a command's table. */
export interface Reading {
  /** The table. */
  readonly section: Section;
  /** Faults of the file. */
  readonly faults: Faults;
  /** Where its values are. */
  readonly places: Places;
  /** The machine. */
  readonly around: Surroundings;
  /** Whether no command could start with variables that make a program load code. */
  readonly refusesLoading: boolean;
}

/** Reads it. The pool is undefined if it is not known, which is a fault already. */
export function readLaunch(reading: Reading, pool: PoolConfig | undefined): LaunchConfig {
  const { section, faults, around } = reading;
  const needsLauncher = [...section.given].filter(([key]) => /^(umask|nice|limit_.*)$/.test(key));
  for (const [key, { value }] of around.hasLauncher ? [] : needsLauncher) {
    const why = around.os === "windows"
      ? "Windows has no such thing"
      : "only the launcher can set it, which there is for Linux on x64 and ARM64";
    faults.addValue([...section.path, key], value, `must be left out on this machine: ${why}`);
  }
  return {
    inheritEnv: readInherited(reading),
    env: readEnv(reading),
    workingDirectory: readWorkingDirectory(reading, pool),
    umask: readUmask(reading),
    nice: section.number("nice"),
    limits: {
      memoryBytes: section.number("limit_memory_bytes"),
      cpuSec: section.number("limit_cpu_sec"),
      fileBytes: section.number("limit_file_bytes"),
      openFiles: section.number("limit_open_files"),
    },
  };
}

/** What is wrong with the name of a variable; undefined if nothing is. */
function faultInName(name: string): string | undefined {
  if (name === "") return "must have a name";
  return /[=\0]/.test(name) ? "must have a name without = and NUL" : undefined;
}

function readInherited({ section }: Reading): LaunchConfig["inheritEnv"] {
  const value = section.given.get("inherit_env")?.value;
  if (value === undefined || value === "all") return "all";
  if (value === "none") return [];
  const isName = (entry: TomlValue): entry is string =>
    typeof entry === "string" && faultInName(entry) === undefined;
  if (Array.isArray(value) && value.every(isName)) return [...new Set(value)];
  section.refuse("inherit_env");
  return [];
}

function readEnv({ section, faults, refusesLoading }: Reading): LaunchConfig["env"] {
  const value = section.given.get("env")?.value;
  const own = [...section.path, "env"];
  if (value === undefined) return {};
  if (!isTable(value)) {
    faults.add(own, "must be a table of strings");
    return {};
  }
  const entries = Object.entries(value).filter((entry): entry is [string, string] => {
    const [name, text] = entry;
    const fault = faultInName(name) ?? faultInVariable(name, text, refusesLoading);
    if (fault !== undefined) faults.add([...own, name], fault);
    return fault === undefined;
  });
  return Object.fromEntries(entries);
}

/** What is wrong with a variable; undefined if nothing is. Its value may be a secret. */
function faultInVariable(
  name: string,
  value: TomlValue,
  refusesLoading: boolean,
): string | undefined {
  if (/^JOBRUNNER_/i.test(name)) {
    return "must not begin with JOBRUNNER_: those variables are set for each job";
  }
  if (/^(TRACEPARENT|TRACESTATE)$/i.test(name)) return "must be left out: it is set for each job";
  if (typeof value !== "string") return "must be a string";
  if (value.includes("\0")) return "must be a string without NUL";
  if (refusesLoading && /^(LD|DYLD)_/.test(name) && value !== "") {
    return "must be left out while the sandbox is on, since the command could not start: leave it out, or set JOBRUNNER_SANDBOX=off";
  }
  return undefined;
}

function readWorkingDirectory(
  { section, around }: Reading,
  pool: PoolConfig | undefined,
): LaunchConfig["workingDirectory"] {
  const text = section.text("working_directory");
  if (text === undefined) return undefined;
  const refuseIt = (detail?: string) => section.refuse("working_directory", detail);
  if (text === "") return refuseIt();
  if (/\p{Cc}/u.test(text)) return refuseIt("it contains a control character");
  const unknown = (text.match(/\{[^{}]*\}/g) ?? [])
    .find((part) => part !== "{worker_id}" && part !== "{pool}");
  if (unknown !== undefined) {
    return refuseIt(`${shownValue(unknown)} is not filled in, only {worker_id} and {pool} are`);
  }
  if (!pool) return undefined;
  const folder = absolute(text.replaceAll("{pool}", pool.name), around);
  const workers = folder.includes("{worker_id}") ? pool.numWorkers : 1;
  for (let id = 1; id <= workers; id++) {
    const own = folder.replaceAll("{worker_id}", String(id));
    if (around.fileKind(own) !== "folder") return refuseIt(`${shownValue(own)} is not one`);
  }
  return folder;
}

function readUmask({ section, places }: Reading): number | undefined {
  const value = section.given.get("umask")?.value;
  if (value === undefined) return undefined;
  if (typeof value === "string" && /^[0-7]{1,4}$/.test(value) && parseInt(value, 8) <= 0o777) {
    return parseInt(value, 8);
  }
  if (typeof value !== "number" || !(value >= 0 && value <= 0o777)) return section.refuse("umask");
  if (places.isOctal([...section.path, "umask"])) return value;
  return section.refuse("umask", `it is not written in octal: 0o${value} or "${value}"`);
}
