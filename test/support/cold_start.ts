/**
 * Cold starts for tests that run a command.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { ColdStartSettings } from "../../src/exec/cold_start.ts";
import { createScratch } from "../../src/exec/pipe.ts";
import { commandHere } from "./commands.ts";

/** A cold start of a program and its arguments, with no limit and no launcher; a command that will be killed needs `trees`. */
export function coldStartOf(
  words: readonly string[],
  more: Partial<ColdStartSettings> = {},
): ColdStartSettings {
  return {
    command: commandHere(words),
    commandEnv: { PATH: Deno.env.get("PATH") ?? "" },
    names: undefined,
    passHeaders: [],
    launcher: undefined,
    workingDirectory: undefined,
    stdin: "null",
    repair: () => assert.fail("nothing is to be repaired"),
    scratch: createScratch(),
    jobTimeoutMs: Infinity,
    trees: {
      endTree: () => assert.fail("no tree is to be ended"),
      endHolders: () => Promise.resolve(),
    },
    ...more,
  };
}
