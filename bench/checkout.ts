/**
 * A folder with the program's source, and how the program is started there.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BenchFailure } from "./failure.ts";

/** The checkout that this file belongs to. */
export const thisCheckout: string = fileURLToPath(new URL("../", import.meta.url));

/** The task `start`, as arguments of `deno`; its commands run in the checkout's folder. */
export interface StartTask {
  /** The commands that come first and fill Deno's cache. */
  readonly prepare: readonly (readonly string[])[];
  /** `run` and its flags. */
  readonly run: readonly string[];
  /** The entry file and its arguments. */
  readonly program: readonly string[];
}

/** Reads the task out of a checkout's `deno.json`. Throws a `BenchFailure` when there is none. */
export function startTask(checkout: string): StartTask {
  const commands = commandOf(checkout).split(" && ").map((text) => text.split(" ").slice(1));
  const last = commands.at(-1) ?? [];
  const entry = last.indexOf("main.ts");
  if (entry < 1) {
    throw new BenchFailure(`${checkout}: must be a folder whose deno.json has a task start`);
  }
  return {
    prepare: commands.slice(0, -1),
    run: last.slice(0, entry),
    program: last.slice(entry),
  };
}

/** The command of the task `start`; empty without one. */
function commandOf(checkout: string): string {
  try {
    const { tasks } = JSON.parse(Deno.readTextFileSync(join(checkout, "deno.json")));
    return String(tasks.start.command);
  } catch {
    // No such file, no JSON or no such task: the caller says what is wanted.
    return "";
  }
}
