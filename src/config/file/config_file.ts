/**
 * The configuration file and the tokens file: reads them and parses them as TOML.
 *
 * @module
 */

import type { Surroundings } from "../config.ts";
import { withNamesOf } from "../environment.ts";
import { readSettingFile } from "../files.ts";
import { faultsOf } from "./faults.ts";
import { type Places, placesIn } from "./places.ts";
import { readTop } from "./tables.ts";
import { type CommandLine, readValues, type Values } from "../sources.ts";
import type { ParseToml, SmolToml, TomlTable } from "./toml.ts";

/** A TOML file that was read. */
export interface ConfigFile {
  /** Its path as the user gave it. */
  readonly path: string;
  /** What it says; empty if `errors` is not. */
  readonly top: TomlTable;
  /** Where it says so. */
  readonly places: Places;
  /** Why it could not be read, one line each. */
  readonly errors: readonly string[];
}

/** The maximum size of a file in bytes: many times what 64 commands or 1024 tokens need. */
const maxBytes = 2 ** 20;

/**
 * Reads the configuration file; undefined if none is configured. A file that cannot be read is returned with its errors, which
 * `parseConfig` reports along with all others.
 */
export async function readConfigFile(
  env: Readonly<Record<string, string>>,
  commandLine: CommandLine,
  machine: Omit<Surroundings, "env">,
): Promise<ConfigFile | undefined> {
  const values = readValues(withNamesOf(machine.os, env), { ...commandLine, errors: [] }, machine);
  return await readFileOf("JOBRUNNER_CONFIG_FILE", values, () => values.errors, machine);
}

/**
 * Reads the tokens file, which the configuration file may name; undefined if none is configured. A file that cannot be read is
 * returned with its errors, as above; they show nothing of the text of the file.
 */
export async function readTokensFile(
  env: Readonly<Record<string, string>>,
  commandLine: CommandLine,
  machine: Omit<Surroundings, "env">,
  config: ConfigFile | undefined,
): Promise<ConfigFile | undefined> {
  const faults = config && faultsOf(config);
  // Other faults at the top of the file are reported by `parseConfig`.
  const top = config && faults && { given: readTop(config.top, faultsOf(config)).given, faults };
  const line = { ...commandLine, errors: [] };
  const values = readValues(withNamesOf(machine.os, env), line, machine, top);
  const errors = () => [...values.errors, ...faults?.all() ?? []];
  const file = await readFileOf("JOBRUNNER_TOKENS_FILE", values, errors, machine);
  if (!file) return undefined;
  const { path, text } = file;
  if (file.errors.length > 0) {
    // What the parser says may quote the text.
    const shown = file.errors.map((error) => error.replace(/(must be valid TOML) \(.*/s, "$1"));
    return { ...file, errors: shown };
  }
  const at = text.split("\n").findIndex((line) => /jr_[\w-]{43}/.test(line));
  if (at < 0) return file;
  const sentence = `${path}:${
    at + 1
  }: must hold no token, only its SHA-256: jobrunner token new prints that`;
  return { ...file, errors: [sentence] };
}

/** Reads the file that a setting names; undefined if it names none. `errors` returns the errors so far. */
async function readFileOf(
  name: "JOBRUNNER_CONFIG_FILE" | "JOBRUNNER_TOKENS_FILE",
  values: Values,
  errors: () => readonly string[],
  machine: Omit<Surroundings, "env">,
): Promise<(ConfigFile & { readonly text: string }) | undefined> {
  const path = values.text(name);
  if (path === "") return undefined;
  const bytes = readSettingFile(name, maxBytes, values, machine);
  const text = bytes && utf8Text(bytes);
  if (bytes && bytes.length > maxBytes) {
    values.addError(name, `it must have at most ${maxBytes} bytes`);
  } else if (bytes && text === undefined) {
    values.addError(name, "it must be UTF-8 text");
  }
  if (text === undefined || errors().length > 0) return { ...unreadable(path, errors()), text: "" };
  const { parse } = await import("smol-toml");
  return { ...parseConfigFile(path, text, parse), text };
}

/** Parses the text of the file at a path with the parser of `smol-toml`. */
export function parseConfigFile(
  path: string,
  text: string,
  parser: SmolToml,
): ConfigFile {
  const parse: ParseToml = (text) => parser(text, { integersAsBigInt: "asNeeded" }) as TomlTable;
  try {
    return { path, top: parse(text), places: placesIn(text, parse), errors: [] };
  } catch (error) {
    const { line = 1, message } = error as Error & { readonly line?: number };
    const [first = ""] = message.replace(/^Invalid TOML document: /, "").split("\n");
    return unreadable(path, [`${path}:${line}: must be valid TOML (${first})`]);
  }
}

function unreadable(path: string, errors: readonly string[]): ConfigFile {
  return { path, top: {}, places: placesIn("", () => ({})), errors };
}

function utf8Text(bytes: Uint8Array<ArrayBuffer>): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
