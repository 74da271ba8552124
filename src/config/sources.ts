/**
 * Where values come from: flags first, then the environment, then the default. Every fault is kept, none is thrown.
 *
 * @module
 */

import { parseArgs } from "node:util";
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
  const byFlag = new Map<string, Setting>();
  for (const setting of settings) {
    const flag = flagOf(setting);
    if (flag) byFlag.set(flag, setting);
  }
  const options: Record<string, { type: "string" | "boolean"; short?: string }> = {
    check: { type: "boolean" },
    help: { type: "boolean", short: "h" },
  };
  for (const flag of byFlag.keys()) options[flag] = { type: "string" };
  const { tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const flags = new Map<string, string>();
  const faults: string[] = [];
  const seen = new Set<string>();
  let program: readonly string[] | undefined;
  let unknownAt = -Infinity;
  for (const token of tokens) {
    if (token.kind === "option-terminator") {
      program = args.slice(token.index + 1);
      break;
    }
    if (token.kind === "positional") {
      // The value of a flag that was already found unknown.
      if (token.index === unknownAt + 1) continue;
      faults.push(`${token.value}: unexpected argument: the command goes after --`);
      continue;
    }
    const setting = byFlag.get(token.name);
    if (setting && token.value !== undefined) flags.set(setting.name, token.value);
    else if (setting) {
      faults.push(`${token.rawName}: must be given a value: ${wantedOf(setting.kind)}`);
    } else if (!Object.hasOwn(options, token.name)) {
      if (token.value === undefined) unknownAt = token.index;
      faults.push(`${token.rawName}: must be a flag of jobrunner serve: see jobrunner --help`);
    } else if (token.value !== undefined) {
      faults.push(`${token.rawName}=${token.value}: must be given no value`);
    } else seen.add(token.name);
  }
  return { check: seen.has("check"), help: seen.has("help"), flags, program, faults };
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
  /** Notes a fault of this value: `NAME=value: must be …`. */
  fault(name: SettingName, detail?: string): undefined;
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

  function fault(name: SettingName, detail?: string): undefined {
    const setting = settingOf(name);
    const label = origin(name) === "flag" ? `--${flagOf(setting)}` : name;
    const value = setting.secret ? "***" : raw(name);
    faults.push(
      `${label}=${oneLine(value)}: must be ${wantedOf(setting.kind)}${
        detail ? ` (${detail})` : ""
      }`,
    );
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

/** A fault is one line, whatever the value holds. */
function oneLine(value: string): string {
  return value.replace(
    /[\p{Cc}\p{Zl}\p{Zp}]/gu,
    (c) => JSON.stringify(c).slice(1, -1),
  );
}
