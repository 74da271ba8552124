/**
 * Commands of the benchmark's own.
 *
 * @module
 */

import { join } from "node:path";

/** Writes a shell script that can be run and returns its absolute path. */
export function writeScript(
  folder: string,
  { name, lines }: { readonly name: string; readonly lines: readonly string[] },
): string {
  const path = join(folder, name);
  Deno.writeTextFileSync(path, ["#!/bin/sh", ...lines, ""].join("\n"), { mode: 0o755 });
  return path;
}

/** The text in single quotes, within which a shell takes everything literally. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A command that takes as many seconds as its payload says. */
export const sleepForPayload = {
  name: "sleep_for_payload",
  lines: ['read -r seconds < "$JOBRUNNER_REQUEST_DATA_FN"', 'exec sleep "$seconds"'],
} as const;

/** A command that answers with its payload, through the response file. */
export const echo = {
  name: "echo",
  lines: ['cat "$JOBRUNNER_REQUEST_DATA_FN" > "$JOBRUNNER_RESPONSE_DATA_FN"'],
} as const;
