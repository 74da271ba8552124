/**
 * The Windows binary, run by Wine (`WINE`, words that come before the folder and the program; or `wine` on PATH).
 *
 * @module
 */

import assert from "node:assert/strict";
import { provideRuntime } from "../../tools/runtime.ts";
import { temporaryFolder } from "./folder.ts";
import { type Program, projectRoot, untilListening } from "./program.ts";

const binary = `${projectRoot}bin/jobrunner-windows-x64.exe`;
const wine = Deno.env.get("WINE")?.split(" ").filter(Boolean);

/** Writes a file with the line ends of Windows. */
export function writeLines(path: string, lines: readonly string[]): void {
  Deno.writeTextFileSync(path, [...lines, ""].join("\r\n"));
}

/**
 * A folder that both sides see, with the program and an empty folder `spool`. Windows has its temp folder below it too, so that
 * no leftover goes unseen.
 */
export function windowsFolder(): Disposable & { readonly path: string } {
  const folder = temporaryFolder();
  Deno.copyFileSync(binary, `${folder.path}/jobrunner.exe`);
  Deno.mkdirSync(`${folder.path}/spool`);
  return folder;
}

/** A command under Windows, by default the program. */
export function commandOf(
  folder: string,
  args: readonly string[],
  env: Record<string, string>,
  name: string = wine ? "jobrunner.exe" : `${folder}/jobrunner.exe`,
): Deno.Command {
  const [program = "wine", ...rest] = wine ? [...wine, folder] : ["wine"];
  return new Deno.Command(program, {
    args: [...rest, name, ...args],
    cwd: folder,
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/** Path of Deno for Windows, which is fetched from npm once. */
export async function windowsDeno(): Promise<string> {
  const sums = Deno.readTextFileSync(`${projectRoot}tools/deno.sums`);
  const [, sha256 = "", version = ""] = /^(\S+) {2}(\S+)\/win32-x64$/m.exec(sums) ?? [];
  const deno = { package: "@deno/win32-x64", version, path: "deno.exe", sha256 };
  return await provideRuntime(deno, `${projectRoot}.tools/runtime`);
}

/** The environment that names a configuration file, in place of a command. */
export const fileAlone = { JOBRUNNER_CONFIG_FILE: "jobrunner.toml" };

/** Writes that file. */
export function writeFile(folder: string, ...lines: readonly string[]): void {
  writeLines(`${folder}/jobrunner.toml`, lines);
}

/** A server under Windows. */
export interface WindowsProgram extends Program {
  /** Resolves when nothing of it is left. */
  readonly cleared: Promise<void>;
}

/** Starts the server with a command, or with none if the environment names one. */
export async function start(
  folder: string,
  command: string | undefined,
  env: Record<string, string> = {},
): Promise<WindowsProgram> {
  const program = await untilListening(
    commandOf(folder, ["serve"], {
      ...(command === undefined ? {} : { JOBRUNNER_CMD: command }),
      JOBRUNNER_HTTP_LISTEN_PORT: "0",
      JOBRUNNER_LOG_FORMAT: "text",
      JOBRUNNER_NUM_WORKERS: "2",
      JOBRUNNER_SPOOL_DIR: "spool",
      ...env,
    }).spawn(),
  );
  // Orphans survive on Windows and keep the log open, so that it would not end.
  const cleared = program.exit.then(endWindows);
  return {
    ...program,
    cleared,
    async [Symbol.asyncDispose]() {
      await endWindows();
      await cleared;
    },
  };
}

/** Kills every process of the Windows that was started. */
export async function endWindows(): Promise<void> {
  const [program = "wineserver", ...args] = wine ? [wine[0] ?? "", "stop"] : ["wineserver", "-k"];
  await new Deno.Command(program, { args, stdin: "null", stdout: "null", stderr: "null" }).output();
}

/** Sends SIGINT, which Wine makes Ctrl-C; asserts a clean stop that leaves nothing. */
export async function stop(program: WindowsProgram, folder: string): Promise<void> {
  const code = await program.stop("SIGINT");
  await program.cleared;
  assert.equal(code, 0, program.log.join("\n"));
  assert.match(program.log.join("\n"), / stopped/);
  assert.deepEqual([...Deno.readDirSync(`${folder}/spool`)], [], "the spool is gone");
}

/** Number of processes whose command lines contain a word. Those of Windows are processes of this machine too. */
export function processesWith(word: string): number {
  const commandLines = [...Deno.readDirSync("/proc")].filter(({ name }) => /^\d+$/.test(name))
    .map(({ name }) => {
      try {
        return Deno.readTextFileSync(`/proc/${name}/cmdline`);
      } catch {
        return "";
      }
    });
  return commandLines.filter((line) => line.includes(word)).length;
}
