/**
 * The sources of values: flags first, then the environment, then the top of the configuration file, then the default. Errors
 * are collected, not thrown.
 *
 * @module
 */

import type { Faults } from "./file/faults.ts";
import { type Flag, readFlags } from "./flags.ts";
import { mustBe, takes, wantedOf } from "./kinds.ts";
import type { Given } from "./file/section.ts";
import { shownValue } from "./shown.ts";
import { type Basis, flagOf, keyOf, numberOf, type Setting } from "./setting.ts";
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
export type Origin = "flag" | "environment" | "file" | "default";

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
  /** The limit of the queue of a pool with this many workers, unless the pool has its own; undefined for none, if it is not set. */
  queueLimitOf(numWorkers: number): number | undefined;
  /** The source of the value. */
  origin(name: SettingName): Origin;
  /** The text that one source gives, even if another but a flag wins; empty if it gives none. */
  textFrom(origin: Origin, name: SettingName): string;
  /** Name of the setting in its source: `NAME`, `--flag` or, in the configuration file, `key`. */
  label(name: SettingName): string;
  /**
   * Adds an error about this value: `NAME=value: must be …`, then `wanted` or else what its kind requires, then `detail`. A
   * value of the configuration file is a fault of the file, and of an invalid one there is a fault already.
   */
  addError(name: SettingName, detail?: string, wanted?: string): undefined;
  /** Adds an error about this setting: its label, a colon and the sentence. */
  addSentence(name: SettingName, sentence: string): undefined;
  /** All errors so far, without faults of the file. */
  readonly errors: string[];
}

/** The top of the configuration file. */
export interface TopOfFile {
  /** Its values by key. */
  readonly given: ReadonlyMap<string, Given>;
  /** Faults of the file. */
  readonly faults: Faults;
}

/**
 * Reads values from flags, the environment, the configuration file and the defaults of the table, in this order. An empty value
 * counts as unset.
 */
export function readValues(
  env: Readonly<Record<string, string>>,
  commandLine: CommandLine,
  machine: Omit<Basis, "numWorkers">,
  top?: TopOfFile,
  table: readonly Setting[] = settings,
): Values {
  const errors = [...commandLine.errors];

  function rowOf(name: SettingName): Setting {
    return table.find((setting) => setting.name === name) as Setting;
  }

  function inFile(name: SettingName): Given | undefined {
    return top?.given.get(keyOf(rowOf(name)) ?? "");
  }

  function given(name: SettingName): string {
    return commandLine.flags.get(name) ?? (env[name] || inFile(name)?.text) ?? "";
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
    if (commandLine.flags.has(name)) return "flag";
    return env[name] ? "environment" : "file";
  }

  function textFrom(origin: Origin, name: SettingName): string {
    switch (origin) {
      case "flag":
        return commandLine.flags.get(name) ?? "";
      case "environment":
        return commandLine.flags.has(name) ? "" : env[name] ?? "";
      case "file":
        return commandLine.flags.has(name) ? "" : inFile(name)?.text ?? "";
      case "default":
        return defaultOf(name);
    }
  }

  function label(name: SettingName): string {
    switch (origin(name)) {
      case "flag":
        return `--${flagOf(rowOf(name))}`;
      case "file":
        return keyOf(rowOf(name)) ?? name;
      case "environment":
      case "default":
        return name;
    }
  }

  function addError(name: SettingName, detail?: string, wanted?: string): undefined {
    const setting = rowOf(name);
    const sentence = mustBe(setting.kind, detail, wanted);
    const found = inFile(name);
    if (found && origin(name) === "file") {
      if (!found.valid) return undefined;
      return top?.faults.addValue([label(name)], found.value, sentence, setting.secret);
    }
    const value = setting.secret ? "***" : shownValue(textOf(name));
    errors.push(`${label(name)}=${value}: ${sentence}`);
    return undefined;
  }

  function addSentence(name: SettingName, sentence: string): undefined {
    if (top && origin(name) === "file") return top.faults.add([label(name)], sentence);
    errors.push(`${label(name)}: ${sentence}`);
    return undefined;
  }

  /** The same as `validOf`, but an invalid value is also an error. */
  function checkedOf(name: SettingName): string {
    if (given(name) !== "" && !takes(rowOf(name).kind, given(name))) addError(name);
    return validOf(name);
  }

  function valueOf(name: SettingName): number {
    return numberOf(rowOf(name), checkedOf(name));
  }

  function queueLimitOf(numWorkers: number): number | undefined {
    const { computed } = rowOf("JOBRUNNER_QUEUE_LIMIT");
    const isGiven = takes(rowOf("JOBRUNNER_QUEUE_LIMIT").kind, given("JOBRUNNER_QUEUE_LIMIT"));
    if (isGiven || !computed) return Number(validOf("JOBRUNNER_QUEUE_LIMIT"));
    if (numWorkers === 0) return undefined;
    return Number(computed({ ...machine, numWorkers }));
  }

  return {
    errors,
    queueLimitOf,
    origin,
    textFrom,
    label,
    addError,
    addSentence,
    text: textOf,
    number: valueOf,
    milliseconds: (name) => valueOf(name) * 1000,
    // The row allows nothing else.
    choice: <Name extends NameOf<"choice">>(name: Name) => checkedOf(name) as ChoiceOf<Name>,
  };
}
