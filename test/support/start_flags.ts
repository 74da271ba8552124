/**
 * The flags of V8 with which users run the program: a test of its memory must use them too.
 *
 * @module
 */

import { projectRoot } from "./program.ts";

/** The flags of the task `start`, as a variable for the program. A binary has them already. */
export function startFlags(): Readonly<Record<string, string>> {
  const { tasks } = JSON.parse(Deno.readTextFileSync(`${projectRoot}deno.json`));
  const flags = /--v8-flags=(\S+)/.exec(tasks.start.command)?.[1];
  if (flags === undefined) throw new Error("deno.json: the task start must name its --v8-flags");
  return { DENO_V8_FLAGS: flags };
}
