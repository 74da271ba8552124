/**
 * Warm commands for tests that run shell scripts.
 *
 * @module
 */

import assert from "node:assert/strict";
import { WarmCommand, type WarmSettings } from "../../src/exec/warm/command.ts";
import type { WarmListener } from "../../src/jobs/warm.ts";
import type { TreeEnder } from "../../src/exec/ending.ts";
import type { RunEnd, RunListener, RunOrder } from "../../src/exec/runner.ts";
import { createWarmRunner } from "../../src/exec/warm/runner.ts";
import { Seats } from "../../src/exec/warm/seats.ts";
import type { JobInput } from "../../src/jobs/job.ts";
import { createStop } from "../../src/jobs/stop.ts";
import type { Spool } from "../../src/spool/spool.ts";
import { coldStartOf } from "./cold_start.ts";
import { temporaryFolder } from "./folder.ts";
import { childrenOf, eventually, isAlive } from "./processes.ts";
import { fixture } from "./program.ts";
import { filesIn, temporarySpool } from "./spool.ts";

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
  async endTree({ pid }) {
    killTree(pid);
    await eventually("it is killed", () => !isAlive(pid));
  },
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

/** A job as a test gives it. */
export interface WarmJob extends Partial<RunOrder> {
  readonly workerId?: number;
  /** In place of the script, which is only for `bytes`. */
  readonly input?: JobInput;
  readonly onEvent?: RunListener;
}

/** Warm commands with the workers of a pool. */
export interface WarmStage {
  readonly seats: Seats;
  readonly spool: Spool;
  /** A folder for the files of a test. */
  readonly folder: string;
  /** What was reported, as `recorder` writes it. */
  readonly lines: readonly string[];
  /** Makes a command; without words, one whose processes run payloads in themselves. */
  command(more?: Partial<WarmSettings>, words?: readonly string[]): WarmCommand;
  /** Gives the workers these commands; nothing is started before a job. */
  serve(commands: readonly WarmCommand[], size?: number): void;
  /** Runs a script as the payload of a job of worker 1. */
  run(command: WarmCommand, script: string, job?: WarmJob): Promise<{
    readonly end: RunEnd & { readonly ok: true };
    readonly stdout: string;
    readonly stderr: string;
  }>;
}

/** Runs a test with a stage; afterwards nothing of it is left in the spool. */
export async function onWarmStage(act: (stage: WarmStage) => Promise<void>): Promise<void> {
  using folder = temporaryFolder();
  using temporary = temporarySpool();
  const { spool } = temporary;
  const seats = new Seats();
  const listener = recorder();
  const stage: WarmStage = {
    seats,
    spool,
    folder: folder.path,
    lines: listener.lines,
    command: (more = {}, words = [fixture("run_payloads_in_itself.sh")]) =>
      warmCommandOf(spool, words, { listener, ...more }),
    serve(commands, size = 1) {
      const byName = new Map(commands.map((command) => [command.settings.name, command]));
      seats.replace({ commands: byName, only: undefined, size });
    },
    async run(command, script, { workerId = 1, input, onEvent, ...order } = {}) {
      const bytes = new TextEncoder().encode(script);
      const about = { workerId, id: "i" };
      const runner = createWarmRunner(command, seats);
      const prepared = await runner.prepare(input ?? { kind: "bytes", bytes }, about);
      const output = { stdout: "", stderr: "" };
      const given = { spec: { id: "i" }, variables: {}, stop: createStop(), ...order };
      const end = await prepared.run(given, (event) => {
        if ("bytes" in event) output[event.kind] += new TextDecoder().decode(event.bytes);
        return onEvent?.(event);
      });
      await prepared.files.remove();
      assert.ok(end.ok);
      return { end, ...output };
    },
  };
  try {
    await act(stage);
  } finally {
    seats.cut();
    await seats.close();
  }
  assert.deepEqual(filesIn(spool.path), []);
}
