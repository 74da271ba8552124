/**
 * Where values come from: flags first, then the environment, then the default. Every fault is kept, none is thrown.
 *
 * @module
 */

import { type Flag, readFlags } from "./flags.ts";
import { takes, wantedOf } from "./kinds.ts";
import { shownValue } from "./shown.ts";
import { type Basis, flagOf, type Setting } from "./setting.ts";
import { type ChoiceOf, type NameOf, type SettingName, settings } from "./settings.ts";

/** What the command line of `jobrunner serve` said. */
export interface CommandLine {
  /** `--check` was given. */
  readonly check: boolean;
  /** `--help` was given. */
  readonly help: boolean;
  /** Values of flags by the name of their setting. */
  readonly flags: ReadonlyMap<string, string>;
  /** Program and arguments after `--`; undefined without it. */
  readonly program: readonly string[] | undefined;
  /** One line each. */
  readonly faults: readonly string[];
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
  const { values, switches, rest, faults } = readFlags(args, flags, {
    unknown: "must be a flag of jobrunner serve: see jobrunner --help",
    stray: "unexpected argument: the command goes after --",
  });
  return {
    check: switches.has("check"),
    help: switches.has("help"),
    flags: new Map([...values].map(([flag, value]) => [names.get(flag) ?? flag, value])),
    program: rest,
    faults,
  };
}

/** Where a value came from. */
export type Origin = "flag" | "environment" | "default";

/**
 * Reads typed values by name and collects faults. What is not set reads as its default, and so does a value with a fault.
 */
export interface Values {
  /** The text as given, whatever its kind; else the default. Empty when there is neither. */
  text(name: SettingName): string;
  /** A number of the row's range, or what its 0 stands for. */
  number(name: NameOf<"whole">): number;
  /** A time in milliseconds, or what its 0 stands for. */
  milliseconds(name: NameOf<"seconds">): number;
  /** One of the row's choices. */
  choice<Name extends NameOf<"choice">>(name: Name): ChoiceOf<Name>;
  /** Where the value came from. */
  origin(name: SettingName): Origin;
  /** Notes a fault of this value: `NAME=value: must be …`, what its kind wants unless something else is named. */
  fault(name: SettingName, detail?: string, wanted?: string): undefined;
  /** All faults so far. */
  readonly faults: string[];
}

/**
 * Puts flags over the environment, and both over the defaults of the table. An empty value counts as not set, in both.
 */
export function readValues(
  env: Readonly<Record<string, string>>,
  commandLine: CommandLine,
  machine: Omit<Basis, "numWorkers">,
  table: readonly Setting[] = settings,
): Values {
  const faults = [...commandLine.faults];

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

  function fault(name: SettingName, detail?: string, wanted?: string): undefined {
    const setting = rowOf(name);
    const label = origin(name) === "flag" ? `--${flagOf(setting)}` : name;
    const value = setting.secret ? "***" : shownValue(textOf(name));
    const what = wanted ?? wantedOf(setting.kind);
    faults.push(`${label}=${value}: must be ${what}${detail ? ` (${detail})` : ""}`);
    return undefined;
  }

  /** As `validOf`, and a value that is not valid is a fault. */
  function checkedOf(name: SettingName): string {
    if (given(name) !== "" && !takes(rowOf(name).kind, given(name))) fault(name);
    return validOf(name);
  }

  function numberOf(name: SettingName): number {
    const value = Number(checkedOf(name));
    return value === 0 ? rowOf(name).zero ?? 0 : value;
  }

  return {
    faults,
    origin,
    fault,
    text: textOf,
    number: numberOf,
    milliseconds: (name) => numberOf(name) * 1000,
    // The row takes nothing else.
    choice: <Name extends NameOf<"choice">>(name: Name) => checkedOf(name) as ChoiceOf<Name>,
  };
}
