/**
 * The values of a TOML document (https://toml.io/en/v1.1.0), and how they are shown.
 *
 * @module
 */

import { shownValue } from "../shown.ts";

/** A table by its keys. It has no prototype, so that every key in it is one of the document. */
export interface TomlTable {
  /** The value of a key. */
  readonly [key: string]: TomlValue;
}

/** A value; integers that a number cannot hold exactly are a `bigint`. */
export type TomlValue =
  | string
  | number
  | bigint
  | boolean
  | Date
  | readonly TomlValue[]
  | TomlTable;

/** Parses a document; throws an `Error` for one that is not valid TOML. */
export type ParseToml = (text: string) => TomlTable;

/** The parser of `smol-toml`; an integer that a number cannot hold exactly becomes a `bigint`. */
export type SmolToml = (text: string, options: { integersAsBigInt: "asNeeded" }) => unknown;

/** The keys from the top of the document to a value. */
export type KeyPath = readonly string[];

/** Whether a value is a table. */
export function isTable(value: TomlValue | undefined): value is TomlTable {
  return typeof value === "object" && !Array.isArray(value) && !(value instanceof Date);
}

/** The value at a path below a table; undefined if there is none. */
export function valueAt(table: TomlTable, path: KeyPath): TomlValue | undefined {
  let value: TomlValue | undefined = table;
  for (const key of path) value = isTable(value) ? value[key] : undefined;
  return value;
}

/** The most characters of a string that are shown. */
const longestShown = 200;

/** Shows a value in a sentence as a document has it; of an array or a table nothing, since it may hold a secret. */
export function shownToml(value: TomlValue): string {
  if (typeof value === "string") {
    const shown = shownValue(value).replaceAll('"', '\\"');
    return shown.length > longestShown ? `"${shown.slice(0, longestShown)}…"` : `"${shown}"`;
  }
  if (typeof value === "number") {
    return String(value).replace("NaN", "nan").replace("Infinity", "inf");
  }
  if (value instanceof Date) return value.toISOString();
  if (typeof value === "object") return isTable(value) ? "{…}" : "[…]";
  return String(value);
}

/** Shows a path with dots; a key that must be quoted is quoted. */
export function shownPath(path: KeyPath): string {
  return path.map((key) => /^[\w-]+$/.test(key) ? key : JSON.stringify(key)).join(".");
}
