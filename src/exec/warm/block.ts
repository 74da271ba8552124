/**
 * What a warm process reads for each job: its variables, one on each line, and an empty line.
 * `docs/reference/warm-protocol.md` specifies it.
 *
 * @module
 */

import {
  endVariable,
  headerVariable,
  jobVariables,
  namesVariables,
  warmVariable,
} from "../../config/job_variables.ts";
import type { Names } from "../../jobs/job.ts";
import { commonEnvironment } from "../child_env.ts";

/** Maximum length of a block in bytes: the capacity of a pipe on Linux (pipe(7)), so that it never waits for its reader. */
export const maxBlockBytes = 64 * 1024;

/**
 * The names of the variables that every block has, so that nothing of a job lives on in the next. `passHeaders`: names of
 * request headers.
 */
export function blockNames(names: Names | undefined, passHeaders: readonly string[]): string[] {
  return [
    ...jobVariables.filter((name) => names !== undefined || !namesVariables.includes(name)),
    ...passHeaders.map(headerVariable),
    "TRACEPARENT",
    "TRACESTATE",
    endVariable,
  ];
}

/** The variables that all processes of a warm command have, without inherited ones. Those of a job are there, and empty. */
export function warmEnvironment(
  command: Parameters<typeof commonEnvironment>[1],
): Record<string, string> {
  const { names, passHeaders } = command;
  return {
    ...Object.fromEntries(blockNames(names, passHeaders).map((name) => [name, ""])),
    ...commonEnvironment({}, command),
    [warmVariable]: "1",
  };
}

/**
 * Encodes the block of a job: the variables with these names, empty where there is no value. Line breaks in a value become
 * spaces. Undefined if it has more than `maxBlockBytes`.
 */
export function encodeBlock(
  names: readonly string[],
  values: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> | undefined {
  const lines = names.map((name) => `${name}=${(values[name] ?? "").replace(/[\r\n]/g, " ")}\n`);
  const block = new TextEncoder().encode(`${lines.join("")}\n`);
  return block.length > maxBlockBytes ? undefined : block;
}
