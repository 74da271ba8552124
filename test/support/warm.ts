/**
 * Warm commands for tests that run shell scripts.
 *
 * @module
 */

import { WarmCommand, type WarmSettings } from "../../src/exec/warm/command.ts";
import type { WarmListener } from "../../src/jobs/warm.ts";
import type { TreeEnder } from "../../src/exec/ending.ts";
import type { Spool } from "../../src/spool/spool.ts";
import { coldStartOf } from "./cold_start.ts";
import { childrenOf } from "./processes.ts";

/** Kills a process and its descendants: it is stopped first, so that it makes no others. */
export function killTree(pid: number): void {
  try {
    Deno.kill(pid, "SIGSTOP");
    for (const child of childrenOf(pid)) killTree(child);
    Deno.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

/** Kills process trees without looking at marks. */
export const trees: TreeEnder = {
  endTree: ({ pid }) => Promise.resolve(killTree(pid)),
  endHolders: () => Promise.resolve(),
};

/** Writes down what is reported, a line for each report: its name and what tells it from others. */
export function recorder(): WarmListener & { readonly lines: readonly string[] } {
  const lines: string[] = [];
  const write = (...words: readonly (string | number)[]) => void lines.push(words.join(" "));
  return {
    lines,
    started: (why) => write("started", why),
    ended: (why) => write("ended", why),
    diedIdle: ({ exitStatus, signal = "" }) => write("diedIdle", exitStatus, signal),
    strayed: () => write("strayed"),
    dropped: (bytes) => write("dropped", bytes),
    notStarted: ({ reason }) => write("notStarted", reason),
  };
}

/**
 * A warm command of a program and its arguments, without limits, whose processes have their files in the spool. `onLeftover`
 * throws unless it is given.
 */
export function warmCommandOf(
  spool: Spool,
  words: readonly string[],
  more: Partial<WarmSettings> = {},
): WarmCommand {
  return new WarmCommand({
    ...coldStartOf(spool, words),
    stdin: "piped",
    trees,
    name: "default",
    maxJobs: Infinity,
    maxAgeMs: Infinity,
    graceMs: 60_000,
    listener: recorder(),
    onLeftover(error) {
      throw error;
    },
    ...more,
  });
}
