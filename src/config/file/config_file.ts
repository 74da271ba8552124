/**
 * The configuration file: reads it and parses it as TOML.
 *
 * @module
 */

import type { Surroundings } from "../config.ts";
import { withNamesOf } from "../environment.ts";
import { readSettingFile } from "../files.ts";
import { type Places, placesIn } from "./places.ts";
import { type CommandLine, readValues } from "../sources.ts";
import type { ParseToml, SmolToml, TomlTable } from "./toml.ts";

/** A configuration file that was read. */
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

/** The maximum size of the file in bytes: hundreds of times what 64 commands need. */
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
  const values = readValues(
    withNamesOf(machine.os, env),
    { ...commandLine, errors: [] },
    machine,
  );
  const path = values.text("JOBRUNNER_CONFIG_FILE");
  if (path === "") return undefined;
  const bytes = readSettingFile("JOBRUNNER_CONFIG_FILE", maxBytes, values, machine);
  const text = bytes && utf8Text(bytes);
  if (bytes && bytes.length > maxBytes) {
    values.addError("JOBRUNNER_CONFIG_FILE", `it must have at most ${maxBytes} bytes`);
  } else if (bytes && text === undefined) {
    values.addError("JOBRUNNER_CONFIG_FILE", "it must be UTF-8 text");
  }
  if (text === undefined || values.errors.length > 0) return unreadable(path, values.errors);
  const { parse } = await import("smol-toml");
  return parseConfigFile(path, text, parse);
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
