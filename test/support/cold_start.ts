/**
 * Cold starts for tests that run a command.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { ColdStartSettings } from "../../src/exec/cold_start.ts";
import type { StartSettings } from "../../src/exec/start.ts";
import { createScratch } from "../../src/exec/pipe.ts";
import type { Spool } from "../../src/spool/spool.ts";
import { commandHere } from "./commands.ts";

/** How a program with its arguments is started, without a launcher. */
export function startOf(
  words: readonly string[],
  more: Partial<StartSettings> = {},
): StartSettings {
  return {
    command: commandHere(words),
    launcher: undefined,
    workingDirectory: undefined,
    stdin: "null",
    repair: () => assert.fail("nothing is to be repaired"),
    ...more,
  };
}

/**
 * A cold start of a program and its arguments, with no limit and no launcher, whose jobs have their files in the spool; a command
 * that will be killed needs `trees`.
 */
export function coldStartOf(
  spool: Spool,
  words: readonly string[],
  more: Partial<ColdStartSettings> = {},
): ColdStartSettings {
  return {
    ...startOf(words),
    spool,
    requestSuffix: "",
    responseSuffix: "",
    commandEnv: { PATH: Deno.env.get("PATH") ?? "" },
    names: undefined,
    passHeaders: [],
    scratch: createScratch(),
    jobTimeoutMs: Infinity,
    trees: {
      endTree: () => assert.fail("no tree is to be ended"),
      endHolders: () => Promise.resolve(),
    },
    ...more,
  };
}
