/**
 * The launcher: a program made at start that runs one command, in a session of its own. Whoever starts it chooses neither the
 * command nor its arguments, and of its environment only variables whose names begin with `JOBRUNNER_`, `TRACEPARENT` and
 * `TRACESTATE`. Its source is `tools/launcher/launcher.S`.
 *
 * @module
 */

import { launcherCode } from "./launcher_code.ts";

/** What a launcher runs. No text may hold a NUL. */
export interface Launch {
  /** Absolute path of the program. */
  readonly program: string;
  /** Its arguments, without its own name. */
  readonly args: readonly string[];
  /** Working directory; if there is no such folder, the one in which the launcher is started. */
  readonly cwd: string;
  /**
   * The environment, beside the variables that come from whoever starts the launcher (`comesFromCaller`). One of these that
   * is given here as well would stand in the environment twice.
   */
  readonly env: Readonly<Record<string, string>>;
  /** Soft limit of open files, or the hard limit if that is lower; 0 leaves it as it is. */
  readonly openFiles: number;
  /** Begins the line on stderr that says why the program could not be started: the word, a space, errno in three digits. */
  readonly word: string;
}

/** A processor that there is a launcher for, as `Deno.build.arch` has it. */
export type LauncherArch = keyof typeof launcherCode;

/** Says whether there is a launcher for a processor. It needs Linux as well. */
export function hasLauncher(arch: string): arch is LauncherArch {
  return Object.hasOwn(launcherCode, arch);
}

/** Says whether a launcher hands on a variable from whoever starts it. */
export function comesFromCaller(name: string): boolean {
  return /^(JOBRUNNER_|TRACEPARENT$|TRACESTATE$)/.test(name);
}

/** Where an ELF file's first program header has the size of its segment, in the file and in memory (elf(5)). */
const sizesAt = 64 + 32;

/** The bytes of an executable file. Throws an `Error` that names the text that holds a NUL. */
export function makeLauncher(arch: LauncherArch, launch: Launch): Uint8Array<ArrayBuffer> {
  const code = Uint8Array.fromBase64(launcherCode[arch]);
  const { program, args, cwd, env, openFiles, word } = launch;
  const variables = Object.entries(env);
  const texts = [
    text("word", word),
    text("working directory", cwd),
    text("program", program),
    ...args.map((arg, index) => text(`argument ${index + 1}`, arg)),
    ...variables.map(([name, value]) =>
      text(`variable ${JSON.stringify(name)}`, `${name}=${value}`)
    ),
  ];
  const blob = new TextEncoder().encode(texts.join(""));
  const file = new Uint8Array(code.length + 16 + blob.length);
  file.set(code);
  file.set(blob, code.length + 16);
  const view = new DataView(file.buffer);
  view.setUint32(code.length, 1 + args.length, true);
  view.setUint32(code.length + 4, variables.length, true);
  view.setBigUint64(code.length + 8, BigInt(openFiles), true);
  view.setBigUint64(sizesAt, BigInt(file.length), true);
  view.setBigUint64(sizesAt + 8, BigInt(file.length), true);
  return file;
}

/** As the launcher reads it. The text itself is not shown: it may hold a secret. */
function text(what: string, value: string): string {
  if (value.includes("\0")) {
    throw new Error(`${what} of a launcher: must not hold a NUL`);
  }
  return `${value}\0`;
}
