/**
 * Starting a command: through the launcher that main made for it, or directly.
 *
 * @module
 */

import type { Command } from "../config/command.ts";
import type { Captured } from "../jobs/job.ts";
import { detailOf, isMachineTrouble } from "./not_started.ts";

/** A program that runs one command, in a session of its own, and takes only some variables from who starts it. */
export interface Launcher {
  /** Absolute path, exactly as it was granted. */
  readonly path: string;
  /** Begins the line on stderr that says why the command could not be started. */
  readonly word: string;
}

/** What is started, and how. */
export interface StartSettings {
  /** What is run. */
  readonly command: Command;
  /** What runs it; undefined for directly. */
  readonly launcher: Launcher | undefined;
  /** Has main look at the launcher and put it right. Rejects with the reason when that could not be done. */
  readonly mend: () => Promise<void>;
}

/** The launcher itself could not be started, although it was looked after. */
export class LauncherError extends Error {
  /** As every error has it. */
  override readonly name = "LauncherError";
}

/**
 * Starts the command with this environment, no standard input, and pipes for its output. Rejects with what the runtime
 * throws, or with a `LauncherError`.
 */
export async function startCommand(
  { command, launcher, mend }: StartSettings,
  env: Record<string, string>,
): Promise<Deno.ChildProcess> {
  const spawn = () =>
    new Deno.Command(launcher ? launcher.path : command.program, {
      args: launcher ? [] : [...command.args],
      clearEnv: true,
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  for (let tries = 1;; tries++) {
    try {
      return spawn();
    } catch (error) {
      if (!launcher || isNoDamage(error)) throw error;
      const failed = (error: unknown) =>
        new LauncherError(`cannot run the launcher ${launcher.path}: ${detailOf(error)}`);
      if (tries === mostTries) throw failed(error);
      await mend().catch((error) => {
        throw failed(error);
      });
    }
  }
}

/** Others may damage the launcher again and again. */
const mostTries = 3;

/** Anything else means that somebody removed or changed the launcher, or that it is just being put right. */
function isNoDamage(error: unknown): boolean {
  return error instanceof Deno.errors.NotCapable || isMachineTrouble(error) ||
    // The variables are too long for any program.
    /os error 7\)/.test(String(error));
}

/** Bytes of a launcher's line behind its word. */
const errnoLength = " 000\n".length;

/** How many bytes a launcher's line on stderr has. */
export function launchLineLength({ word }: Launcher): number {
  return word.length + errnoLength;
}

/**
 * The number of the error that kept a launcher from starting its command; undefined when the command was started. It
 * exits with 126 or 127 and has written its one line, and nothing else.
 */
export function launchErrno(
  { word }: Launcher,
  exitStatus: number | undefined,
  output: Captured,
  error: Captured,
): number | undefined {
  if (exitStatus !== 126 && exitStatus !== 127) return undefined;
  if (output.bytes.length > 0 || error.bytes.length !== word.length + errnoLength) return undefined;
  const line = new TextDecoder().decode(error.bytes);
  const [, errno] = /^ (\d{3})\n$/.exec(line.slice(word.length)) ?? [];
  return errno !== undefined && line.startsWith(word) ? Number(errno) : undefined;
}
