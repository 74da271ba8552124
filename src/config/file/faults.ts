/**
 * Collects what is wrong in the configuration file.
 *
 * @module
 */

import type { Places } from "./places.ts";
import { type KeyPath, shownPath, shownToml, type TomlValue } from "./toml.ts";

/** The faults of a file: one sentence `PATH:LINE: …` for each. */
export interface Faults {
  /** Adds `PATH:LINE: key: sentence`. */
  add(path: KeyPath, sentence: string): undefined;
  /** Adds `PATH:LINE: key = value: sentence`; a secret value is shown as `***`. */
  addValue(path: KeyPath, value: TomlValue, sentence: string, secret?: boolean): undefined;
  /** All of them, in the order of their lines. */
  all(): string[];
}

/** Collects the faults of a file. */
export function faultsOf(file: { readonly path: string; readonly places: Places }): Faults {
  const faults: { readonly path: KeyPath; readonly text: string }[] = [];

  function add(path: KeyPath, sentence: string): undefined {
    faults.push({ path, text: `${shownPath(path)}: ${sentence}` });
  }

  return {
    add,
    addValue(path, value, sentence, secret) {
      const shown = secret ? "***" : shownToml(value);
      faults.push({ path, text: `${shownPath(path)} = ${shown}: ${sentence}` });
    },
    all: () =>
      faults.map(({ path, text }) => ({ line: file.places.lineOf(path), text }))
        .sort((one, other) => one.line - other.line)
        .map(({ line, text }) => `${file.path}:${line}: ${text}`),
  };
}
