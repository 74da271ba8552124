/**
 * Starts a command: through the launcher that main made for it, or directly.
 *
 * @module
 */

import type { Command } from "../config/command.ts";
import { detailOf, isMachineTrouble, lacksFolder } from "./not_started.ts";

/** A program that runs one command. */
export interface Launcher {
  /**
   * Whether it holds the environment and the working directory too, and accepts only some variables from the process that starts
   * it. Otherwise that process gives both.
   */
  readonly holdsAll: boolean;
  /** Absolute path, exactly as in the permissions. */
  readonly path: string;
  /** The first word of the line on stderr that says why the command could not be started. */
  readonly word: string;
}

/** A command and how it is started. */
export interface StartSettings {
  /** The command to start. */
  readonly command: Command;
  /** The launcher that starts it; undefined to start it directly. */
  readonly launcher: Launcher | undefined;
  /** Absolute path of its working directory, as in `LaunchConfig`; undefined for that of the server. */
  readonly workingDirectory: string | undefined;
  /** Its standard input: empty, or a pipe. A launcher that holds everything must have been made for the same. */
  readonly stdin: "null" | "piped";
  /** Has main check the launcher and repair it. Rejects with the reason if that fails. */
  readonly repair: () => Promise<void>;
}

/** The error of a launcher that could not be started, although main tried to repair it. */
export class LauncherError extends Error {
  /** Name of this kind of error. */
  override readonly name = "LauncherError";
}

/**
 * Starts the command with this environment, its standard input, and pipes for its output. Returns a promise only if it could not
 * be started at once; that rejects with an error of the runtime or with a `LauncherError`.
 */
export function startCommand(
  settings: StartSettings,
  env: Record<string, string>,
  workerId: number,
): Deno.ChildProcess | Promise<Deno.ChildProcess> {
  try {
    return spawn(settings, env, workerId);
  } catch (error) {
    return startAgain(settings, env, workerId, error);
  }
}

function spawn(
  { command, launcher, workingDirectory, stdin }: StartSettings,
  env: Record<string, string>,
  workerId: number,
): Deno.ChildProcess {
  const options: Deno.CommandOptions = {
    args: launcher ? [] : [...command.args],
    clearEnv: true,
    env,
    stdin,
    stdout: "piped",
    stderr: "piped",
  };
  if (!launcher?.holdsAll && workingDirectory !== undefined) {
    options.cwd = workingDirectory.replaceAll("{worker_id}", String(workerId));
  }
  return new Deno.Command(launcher ? launcher.path : command.program, options).spawn();
}

/** Tries again after this error, if the launcher may have been damaged. */
async function startAgain(
  settings: StartSettings,
  env: Record<string, string>,
  workerId: number,
  error: unknown,
): Promise<Deno.ChildProcess> {
  const { launcher, repair } = settings;
  const failed = (error: unknown) =>
    new LauncherError(`cannot run the launcher ${launcher?.path}: ${detailOf(error)}`);
  for (let tries = 1;; tries++) {
    if (!launcher || hasOtherCause(error)) throw error;
    if (tries === mostTries) throw failed(error);
    await repair().catch((error) => {
      throw failed(error);
    });
    try {
      return spawn(settings, env, workerId);
    } catch (next) {
      error = next;
    }
  }
}

/** Number of attempts, since jobs may damage the launcher repeatedly. */
const mostTries = 3;

/** Whether an error has another cause than a launcher that was removed or changed, or that main is repairing right now. */
function hasOtherCause(error: unknown): boolean {
  return error instanceof Deno.errors.NotCapable || isMachineTrouble(error) ||
    lacksFolder(error) ||
    // E2BIG: the variables are too long for any program.
    /os error 7\)/.test(String(error));
}
