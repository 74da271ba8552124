/**
 * The sources of values: flags first, then the environment, then the default. Errors are collected, not thrown.
 *
 * @module
 */

import { type Flag, readFlags } from "./flags.ts";
import { takes, wantedOf } from "./kinds.ts";
import { shownValue } from "./shown.ts";
import { type Basis, flagOf, type Setting } from "./setting.ts";
import { type ChoiceOf, type NameOf, type SettingName, settings } from "./settings.ts";

/** The command line of `jobrunner serve`. */
export interface CommandLine {
  /** Whether `--check` was given. */
  readonly check: boolean;
  /** Whether `--help` was given. */
  readonly help: boolean;
  /** Values of flags by the name of their setting. */
  readonly flags: ReadonlyMap<string, string>;
  /** The program and its arguments after `--`; undefined without it. */
  readonly program: readonly string[] | undefined;
  /** Errors, one line each. */
  readonly errors: readonly string[];
}

/** Reads the arguments after `serve`. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const flags = new Map<string, Flag>([["check", {}], ["help", { short: "h" }]]);
  const names = new Map<string, string>();
  for (const setting of settings as readonly Setting[]) {
    const flag = flagOf(setting);
    if (flag === undefined) continue;
    flags.set(flag, { wanted: wantedOf(setting.kind) });
    names.set(flag, setting.name);
  }
  const { values, switches, rest, errors } = readFlags(args, flags, {
    unknown: "must be a flag of jobrunner serve: see jobrunner --help",
    stray: "unexpected argument: the command goes after --",
  });
  return {
    check: switches.has("check"),
    help: switches.has("help"),
    flags: new Map([...values].map(([flag, value]) => [names.get(flag) ?? flag, value])),
    program: rest,
    errors,
  };
}

/** The source of a value. */
export type Origin = "flag" | "environment" | "default";

/**
 * Reads typed values by name and collects errors. A setting that has no value, or an invalid one, reads as its default.
 */
export interface Values {
  /** The given text, even if it is invalid; without one the default. Empty if there is neither. */
  text(name: SettingName): string;
  /** A number in the row's range, or the meaning of its 0. */
  number(name: NameOf<"whole">): number;
  /** A time in milliseconds, or the meaning of its 0. */
  milliseconds(name: NameOf<"seconds">): number;
  /** One of the row's choices. */
  choice<Name extends NameOf<"choice">>(name: Name): ChoiceOf<Name>;
  /** The source of the value. */
  origin(name: SettingName): Origin;
  /** Adds an error about this value: `NAME=value: must be …`, then `wanted` or else what its kind requires, then `detail`. */
  addError(name: SettingName, detail?: string, wanted?: string): undefined;
  /** All errors so far. */
  readonly errors: string[];
}

/** Reads values from flags, the environment and the defaults of the table, in this order. An empty value counts as unset. */
export function readValues(
  env: Readonly<Record<string, string>>,
  commandLine: CommandLine,
  machine: Omit<Basis, "numWorkers">,
  table: readonly Setting[] = settings,
): Values {
  const errors = [...commandLine.errors];

  function rowOf(name: SettingName): Setting {
    return table.find((setting) => setting.name === name) as Setting;
  }

  function given(name: SettingName): string {
    return commandLine.flags.get(name) ?? env[name] ?? "";
  }

  function defaultOf(name: SettingName): string {
    const { default: fixed, computed } = rowOf(name);
    if (!computed) return fixed;
    return computed({ ...machine, numWorkers: Number(validOf("JOBRUNNER_NUM_WORKERS")) });
  }

  function textOf(name: SettingName): string {
    return given(name) || defaultOf(name);
  }

  function validOf(name: SettingName): string {
    const text = given(name);
    return takes(rowOf(name).kind, text) ? text : defaultOf(name);
  }

  function origin(name: SettingName): Origin {
    if (given(name) === "") return "default";
    return commandLine.flags.has(name) ? "flag" : "environment";
  }

  function addError(name: SettingName, detail?: string, wanted?: string): undefined {
    const setting = rowOf(name);
    const label = origin(name) === "flag" ? `--${flagOf(setting)}` : name;
    const value = setting.secret ? "***" : shownValue(textOf(name));
    const what = wanted ?? wantedOf(setting.kind);
    errors.push(`${label}=${value}: must be ${what}${detail ? ` (${detail})` : ""}`);
    return undefined;
  }

  /** The same as `validOf`, but an invalid value is also an error. */
  function checkedOf(name: SettingName): string {
    if (given(name) !== "" && !takes(rowOf(name).kind, given(name))) addError(name);
    return validOf(name);
  }

  function numberOf(name: SettingName): number {
    const value = Number(checkedOf(name));
    return value === 0 ? rowOf(name).zero ?? 0 : value;
  }

  return {
    errors,
    origin,
    addError,
    text: textOf,
    number: numberOf,
    milliseconds: (name) => numberOf(name) * 1000,
    // The row allows nothing else.
    choice: <Name extends NameOf<"choice">>(name: Name) => checkedOf(name) as ChoiceOf<Name>,
  };
}
