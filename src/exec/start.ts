/**
 * Starting a command: through the launcher that main made for it, or directly.
 *
 * @module
 */

import type { Command } from "../config/command.ts";
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
