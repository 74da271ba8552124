/**
 * Commands for tests.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Command, commandOf } from "../../src/config/command.ts";
import { thisMachine } from "../../src/supervisor/surroundings.ts";

/** The command of a program of this machine and its arguments. */
export function commandHere(words: readonly string[]): Command {
  const env = { PATH: Deno.env.get("PATH") ?? "" };
  const result = commandOf(words, { ...thisMachine(env), env });
  assert.ok(result.ok);
  return result.command;
}
