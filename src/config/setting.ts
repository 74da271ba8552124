/**
 * The rows of the table of settings.
 *
 * @module
 */

import type { Kind } from "./kinds.ts";

/** Values that defaults are computed from. */
export interface Basis {
  /** Number of workers, as configured. */
  readonly numWorkers: number;
  /** Absolute path of the system's temp folder. */
  readonly tempDir: string;
  /** Whether stderr, where the log goes, is a terminal. */
  readonly stderrIsTerminal: boolean;
}

/** One row of the table. */
export interface Setting {
  /** Name of the environment variable. */
  readonly name: string;
  /** The kind of values that it takes. */
  readonly kind: Kind;
  /** The default, in the form of a value; empty if there is none. If the default is `computed`, a description of it. */
  readonly default: string;
  /** Computes the default, in the form of a value, if it depends on something. */
  readonly computed?: (basis: Basis) => string;
  /** What the number 0 stands for; 0 if absent. */
  readonly zero?: number;
  /** Meaning, unit, special values and related settings, in a few sentences. */
  readonly meaning: string;
  /** The value is printed as `***` and withheld from the command. */
  readonly secret?: true;
  /** The value is withheld from the command, but may be printed. */
  readonly withheld?: true;
  /**
   * Where in the configuration file it may also stand, apart from the top: in a command, or in a pool and in a command that
   * shares its pool with no other.
   */
  readonly scope?: "command" | "pool";
  /** In the configuration file it may be an array of strings. */
  readonly list?: true;
  /** There is no flag, because every user of the machine can read a command line. */
  readonly environmentOnly?: true;
}

/** The number that a valid text stands for: 0 may mean something else. */
export function numberOf({ zero = 0 }: Setting, text: string): number {
  return Number(text) || zero;
}

/** The flag of `jobrunner serve` for a setting, without dashes; undefined if there is none. */
export function flagOf(setting: Setting): string | undefined {
  if (setting.environmentOnly) return undefined;
  return setting.name.replace("JOBRUNNER_", "").toLowerCase().replaceAll("_", "-");
}

/** The key of a setting in the configuration file; undefined if it cannot stand there. */
export function keyOf({ name }: Setting): string | undefined {
  return name === "JOBRUNNER_CONFIG_FILE"
    ? undefined
    : name.replace("JOBRUNNER_", "").toLowerCase();
}
