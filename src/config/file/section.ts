/**
 * Reads the keys of one table of the configuration file by the rows of settings.
 *
 * @module
 */

import type { Faults } from "./faults.ts";
import { type Kind, mustBe, takes } from "../kinds.ts";
import { keyOf, numberOf, type Setting } from "../setting.ts";
import { didYouMean } from "./similar.ts";
import { type KeyPath, shownToml, type TomlTable, type TomlValue } from "./toml.ts";

/** A key that a table may have. */
export interface Key {
  /** Its name in the table. */
  readonly name: string;
  /** Its values and their meaning. */
  readonly row: Setting;
  /** It takes other values than its row can describe, which its reader checks. */
  readonly raw?: true;
}

/** A value of a table. */
export interface Given {
  /** The value in the form of a variable's; of a `raw` or invalid one, how it is shown. */
  readonly text: string;
  /** As the file has it. */
  readonly value: TomlValue;
  /** Whether it is of its key's kind; if not, that is a fault already. */
  readonly valid: boolean;
}

/** A table that was read. */
export interface Section {
  /** Its path, such as `commands.pdf`; empty for the top of the file. */
  readonly path: KeyPath;
  /** Its values by key, also invalid ones. */
  readonly given: ReadonlyMap<string, Given>;
  /** A valid value in the form of a variable's; undefined without one. */
  text(key: string): string | undefined;
  /** A valid number, or the meaning of its 0; undefined without one. */
  number(key: string): number | undefined;
  /** A valid time in milliseconds, or the meaning of its 0; undefined without one. */
  milliseconds(key: string): number | undefined;
  /** Adds the fault that a value is not what its key requires; `detail` says why. */
  refuse(key: string, detail?: string): undefined;
}

/** The keys that settings have in the file. */
export function keysOf(settings: readonly Setting[]): Key[] {
  return settings.flatMap((row) => {
    const name = keyOf(row);
    return name === undefined ? [] : [{ name, row }];
  });
}

/**
 * Reads a table. A value that is not of its key's kind is a fault, and so is an unknown key; `elsewhere` says where that
 * belongs.
 */
export function readSection(
  table: TomlTable,
  path: KeyPath,
  { keys, faults, elsewhere }: {
    readonly keys: readonly Key[];
    readonly faults: Faults;
    readonly elsewhere: (key: string) => string | undefined;
  },
): Section {
  const section = new Map<string, Given>();
  const rowOf = (key: string) => keys.find(({ name }) => name === key)?.row;
  function text(key: string): string | undefined {
    const found = section.get(key);
    return found?.valid ? found.text : undefined;
  }
  function number(key: string): number | undefined {
    const found = text(key);
    if (found === undefined) return undefined;
    const row = rowOf(key);
    return row && numberOf(row, found);
  }
  function refuse(key: string, detail?: string): undefined {
    const [row, found] = [rowOf(key), section.get(key)];
    if (!row || !found) return undefined;
    return faults.addValue([...path, key], found.value, mustBe(row.kind, detail), row.secret);
  }
  for (const [key, value] of Object.entries(table)) {
    const own = [...path, key];
    const known = keys.find(({ name }) => name === key);
    if (!known) {
      const meant = () => `no such setting${didYouMean(key, keys.map(({ name }) => name))}`;
      faults.add(own, elsewhere(key) ?? meant());
      continue;
    }
    const { row, raw } = known;
    const plain = raw ? shownToml(value) : textOf(row, value);
    const fault = raw ? undefined : faultInType(row, value) ?? faultIn(row.kind, plain);
    section.set(key, { text: plain ?? shownToml(value), value, valid: fault === undefined });
    if (fault !== undefined) refuse(key, fault);
  }
  return {
    path,
    given: section,
    text,
    number,
    milliseconds(key) {
      const found = number(key);
      return found === undefined ? undefined : found * 1000;
    },
    refuse,
  };
}

/** A value in the form of a variable's; undefined if it has not the type that its setting needs. */
function textOf({ kind, list }: Setting, value: TomlValue): string | undefined {
  switch (kind.type) {
    case "text":
      if (list && Array.isArray(value) && value.every((entry) => typeof entry === "string")) {
        return value.join();
      }
      return typeof value === "string" ? value : undefined;
    case "whole":
    case "seconds":
      if (typeof value === "bigint") return String(value);
      if (typeof value !== "number") return undefined;
      return value > 0 && value < 1e-6 ? value.toFixed(20).replace(/0+$/, "") : String(value);
    case "choice":
      if (typeof value === "boolean") return value ? "on" : "off";
      return typeof value === "string" ? value : undefined;
  }
}

/** What is wrong with an array where one text is needed, such as the words of a command; undefined for every other value. */
function faultInType({ kind, list }: Setting, value: TomlValue): string | undefined {
  return kind.type === "text" && !list && Array.isArray(value)
    ? "it must be one string, not an array"
    : undefined;
}

/** What is wrong with a text beside its kind; undefined if nothing is. Empty text is valid, and means that there is none. */
function faultIn(kind: Kind, text: string | undefined): string | undefined {
  if (text === undefined) return "";
  if (kind.type !== "text") return takes(kind, text) ? undefined : "";
  return text.includes("\0") ? "it contains NUL" : undefined;
}
