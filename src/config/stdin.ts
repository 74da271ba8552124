/**
 * The standard input of a command.
 *
 * @module
 */

import type { RunConfig } from "./config.ts";

/** Whether a command's standard input is a pipe: it gets the payload, or its jobs. Otherwise it is empty. */
export function stdinIsPiped({ stdin, warm }: Pick<RunConfig, "stdin" | "warm">): boolean {
  return stdin === "payload" || warm;
}

/** Why the standard input of a warm process cannot be the payload. */
export const getsJobsByStdin = "a warm process gets its jobs there";
