/**
 * Where values come from: flags first, then the environment, then the default. Every fault is kept, none is thrown.
 *
 * @module
 */

import { type Flag, readFlags } from "./flags.ts";
import { shownValue } from "./shown.ts";
import { flagOf, type Setting, type SettingName, settings, wantedOf } from "./settings.ts";

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

/** Reads typed values by name and collects faults. A value with a fault reads as undefined, like one that is not set. */
export interface Values {
  /** The text as given; undefined when it is not set or empty. */
  text(name: SettingName): string | undefined;
  /** A number of the kind's range. */
  number(name: SettingName): number | undefined;
  /** One of the kind's choices. */
  choice(name: SettingName): string | undefined;
  /** Where the value came from. */
  origin(name: SettingName): Origin;
  /** Notes a fault of this value: `NAME=value: must be …`, what its kind wants unless something else is named. */
  fault(name: SettingName, detail?: string, wanted?: string): undefined;
  /** All faults so far. */
  readonly faults: string[];
}

/** Puts flags over the environment. An empty value counts as not set, in both. */
export function readValues(
  env: Readonly<Record<string, string>>,
  commandLine: CommandLine,
): Values {
  const faults = [...commandLine.faults];

  function raw(name: SettingName): string {
    return commandLine.flags.get(name) ?? env[name] ?? "";
  }

  function settingOf(name: SettingName): Setting {
    return settings.find((setting) => setting.name === name) as Setting;
  }

  function origin(name: SettingName): Origin {
    if (raw(name) === "") return "default";
    return commandLine.flags.has(name) ? "flag" : "environment";
  }

  function fault(name: SettingName, detail?: string, wanted?: string): undefined {
    const setting = settingOf(name);
    const label = origin(name) === "flag" ? `--${flagOf(setting)}` : name;
    const value = setting.secret ? "***" : shownValue(raw(name));
    const what = wanted ?? wantedOf(setting.kind);
    faults.push(`${label}=${value}: must be ${what}${detail ? ` (${detail})` : ""}`);
    return undefined;
  }

  return {
    faults,
    origin,
    fault,
    text: (name) => raw(name) || undefined,
    number(name) {
      const text = raw(name);
      if (text === "") return undefined;
      const { kind } = settingOf(name);
      const value = Number(text);
      if (kind.type === "whole" && /^\d+$/.test(text) && value >= kind.min && value <= kind.max) {
        return value;
      }
      if (kind.type === "seconds" && /^(\d+\.?\d*|\.\d+)$/.test(text) && value <= kind.max) {
        return value;
      }
      return fault(name);
    },
    choice(name) {
      const text = raw(name);
      if (text === "") return undefined;
      const { kind } = settingOf(name);
      return kind.type === "choice" && kind.of.includes(text) ? text : fault(name);
    },
  };
}
