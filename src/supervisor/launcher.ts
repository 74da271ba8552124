/**
 * The launcher: a program, made when the server starts, that runs one command in a session of its own. The process that
 * starts it cannot choose the command or its arguments. Of the environment it can only choose variables whose names begin
 * with `JOBRUNNER_`, `TRACEPARENT` and `TRACESTATE`. The launcher's source is `tools/launcher/launcher.S`.
 *
 * @module
 */

import { launcherCode } from "./launcher_code.ts";

/** What a launcher runs. No text may contain a NUL. */
export interface Launch {
  /** Absolute path of the program. */
  readonly program: string;
  /** Its arguments, without its own name. */
  readonly args: readonly string[];
  /** Working directory; if it does not exist, the one in which the launcher is started. */
  readonly cwd: string;
  /**
   * The environment, without the variables that come from the caller of the launcher (`comesFromCaller`). If one of those
   * were given here as well, the command's environment would contain it twice.
   */
  readonly env: Readonly<Record<string, string>>;
  /** Soft limit of open files, or the hard limit if that is lower; 0 leaves it as it is. */
  readonly openFiles: number;
  /** First word of the line on stderr that reports why the program could not be started: the word, a space, errno in three digits. */
  readonly word: string;
}

/** A processor for which a launcher exists, named as in `Deno.build.arch`. */
export type LauncherArch = keyof typeof launcherCode;

/** Whether a launcher exists for a processor. It also needs Linux. */
export function hasLauncher(arch: string): arch is LauncherArch {
  return Object.hasOwn(launcherCode, arch);
}

/** Whether a launcher passes on a variable from its caller. */
export function comesFromCaller(name: string): boolean {
  return /^(JOBRUNNER_|TRACEPARENT$|TRACESTATE$)/.test(name);
}

/** Offset in an ELF file of the first program header's segment size, in the file and then in memory (elf(5)). */
const sizesAt = 64 + 32;

/** Makes the bytes of an executable file. Throws an `Error` that names the text that contains a NUL. */
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

/** A text in the form that the launcher reads. The error does not show the text itself: it may hold a secret. */
function text(what: string, value: string): string {
  if (value.includes("\0")) {
    throw new Error(`${what} of a launcher: must not contain a NUL`);
  }
  return `${value}\0`;
}
