/**
 * What a row of the table of settings says.
 *
 * @module
 */

import type { Kind } from "./kinds.ts";

/** What defaults are computed from. */
export interface Basis {
  /** Workers, as configured. */
  readonly numWorkers: number;
  /** Absolute path of the system's temp folder. */
  readonly tempDir: string;
  /** Whether people watch the log. */
  readonly stderrIsTerminal: boolean;
}

/** One row of the table. */
export interface Setting {
  /** Name of the environment variable. */
  readonly name: string;
  /** Values it takes. */
  readonly kind: Kind;
  /** The default, as the value would be given; empty when there is none. Describes one that is `computed`. */
  readonly default: string;
  /** The default, as the value would be given, where it depends on something. */
  readonly computed?: (basis: Basis) => string;
  /** What the number 0 stands for; 0 if absent. */
  readonly zero?: number;
  /** Meaning, unit, special values and neighbours, in one or two sentences. */
  readonly meaning: string;
  /** Printed as `***` and withheld from the command. */
  readonly secret?: true;
  /** Withheld from the command. The value itself may be shown. */
  readonly withheld?: true;
  /** No flag, because a command line can be read by every user of the machine. */
  readonly environmentOnly?: true;
}

/** The flag of `jobrunner serve` that sets the same thing; undefined for a setting that has none. */
export function flagOf(setting: Setting): string | undefined {
  if (setting.environmentOnly) return undefined;
  return setting.name.replace("JOBRUNNER_", "").toLowerCase().replaceAll("_", "-");
}
