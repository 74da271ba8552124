/**
 * Launchers made for one test and run for real.
 *
 * @module
 */

import { type Launch, type LauncherArch, makeLauncher } from "../../src/supervisor/launcher.ts";
import type { Exit } from "./program.ts";

/** How to start a launcher. */
export interface LauncherOptions {
  /** The environment it is started in, with nothing else in it. */
  readonly env?: Readonly<Record<string, string>>;
  /** What its standard input holds. */
  readonly stdin?: string;
  /** A command that is handed the launcher's path and runs it. */
  readonly through?: readonly string[];
  /** Another processor than this machine's, which `through` must be able to run. */
  readonly arch?: LauncherArch;
}

/** How it ended, and the process id of what was started. */
export interface LauncherExit extends Exit {
  readonly pid: number;
}

/** A launch that changes nothing but the session. */
export const plainLaunch: Launch = {
  program: "/bin/true",
  args: [],
  ownSession: true,
  ownStdin: true,
  cwd: "/",
  cwdRequired: false,
  env: {},
  umask: undefined,
  niceness: undefined,
  limits: [],
  word: "not-started",
};

/** Writes a launcher into a folder and returns its path. */
export function writeLauncher(
  folder: string,
  launch: Partial<Launch>,
  arch: LauncherArch = hostArch(),
): string {
  const path = `${folder}/launcher-${crypto.randomUUID()}`;
  const file = makeLauncher(arch, { ...plainLaunch, cwd: folder, ...launch });
  Deno.writeFileSync(path, file, { mode: 0o500, createNew: true });
  return path;
}

/**
 * Writes a launcher into a folder and runs it to its end, in that folder. Tests of other files start processes at the same time:
 * until such a process runs its program, it may hold the launcher open for writing (execve(2), ETXTBSY), so it is run again.
 */
export async function runLauncher(
  folder: string,
  launch: Partial<Launch>,
  options: LauncherOptions = {},
): Promise<LauncherExit> {
  const path = writeLauncher(folder, launch, options.arch);
  for (;;) {
    try {
      const exit = await runOnce(folder, path, options);
      if (!exit.stderr.includes("Text file busy")) return exit;
    } catch (error) {
      if (!String(error).includes("Text file busy")) throw error;
    }
  }
}

async function runOnce(
  folder: string,
  path: string,
  { env = {}, stdin = "", through = [] }: LauncherOptions,
): Promise<LauncherExit> {
  const [program = path, ...args] = [...through, path];
  await using child = new Deno.Command(program, {
    args,
    cwd: folder,
    clearEnv: true,
    env: { ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const given = new Blob([stdin]).stream().pipeTo(child.stdin).catch((error: unknown) => {
    // The program may end without having read anything.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  });
  const { code, stdout, stderr } = await child.output();
  await given;
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { pid: child.pid, code, stdout: text(stdout), stderr: text(stderr) };
}

function hostArch(): LauncherArch {
  return Deno.build.arch;
}

/** Writes a file of a mode and returns its path. */
export function writeProgram(folder: string, content: string, mode = 0o700): string {
  const path = `${folder}/program-${crypto.randomUUID()}`;
  Deno.writeTextFileSync(path, content, { mode });
  return path;
}
