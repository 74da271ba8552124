/**
 * The launcher: a program, made when the server starts, that runs one command, in a session of its own if wanted. The process
 * that starts it cannot choose the command or its arguments. Of the environment it can only choose variables whose names begin
 * with `JOBRUNNER_`, `TRACEPARENT` and `TRACESTATE`. It chooses the standard input only if the launcher says so. The launcher's
 * source is `tools/launcher/launcher.S`.
 *
 * @module
 */

import { launcherCode } from "./launcher_code.ts";

/** Stands in `Launch.cwd` for the worker's number. */
export const workerIdPlaceholder = "\x01";

/**
 * What a launcher can limit (getrlimit(2)): processor time in seconds (SIGXCPU at the soft limit, SIGKILL at the hard one), the
 * size in bytes of files that are written, the number of open files, and the address space in bytes.
 */
export type LimitedResource = "cpu" | "fileSize" | "openFiles" | "memory";

/** Their numbers in Linux: RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_NOFILE, RLIMIT_AS. */
const resourceNumbers: Readonly<Record<LimitedResource, number>> = {
  cpu: 0,
  fileSize: 1,
  openFiles: 7,
  memory: 9,
};

/**
 * One limit of a command. The new hard limit is `hard`, or the one that the launcher inherits if that is lower. The new soft
 * limit is `soft`, or the new hard limit if that is lower.
 */
export interface Limit {
  /** What is limited. */
  readonly resource: LimitedResource;
  /** Soft limit, a whole number from 0. */
  readonly soft: number;
  /** Hard limit, a whole number from 0; undefined keeps the inherited one. */
  readonly hard: number | undefined;
}

/** What a launcher runs. No text may contain a NUL. */
export interface Launch {
  /** Absolute path of the program. */
  readonly program: string;
  /** Its arguments, without its own name. */
  readonly args: readonly string[];
  /** Whether the command gets a session of its own. */
  readonly ownSession: boolean;
  /** Whether the command gets an empty standard input of its own. Otherwise it gets that of the process that starts the launcher. */
  readonly ownStdin: boolean;
  /**
   * Absolute path of the working directory. Each `workerIdPlaceholder` in it becomes the value of the launcher's variable
   * `JOBRUNNER_WORKER_ID`. Unless that is one to five digits, the directory cannot be entered (EINVAL).
   */
  readonly cwd: string;
  /**
   * What happens if the working directory cannot be entered. True: the command is not started. False: it runs in the directory
   * in which the launcher is started.
   */
  readonly cwdRequired: boolean;
  /** File mode creation mask, from 0 to 0o777; undefined keeps the inherited one. */
  readonly umask: number | undefined;
  /**
   * Niceness, from -20 to 19; undefined keeps the inherited one. If it cannot be set, the command is not started: a niceness
   * below the inherited one needs a privilege.
   */
  readonly niceness: number | undefined;
  /** Limits that are set, in this order. */
  readonly limits: readonly Limit[];
  /**
   * The environment, without the variables that come from the caller of the launcher (`comesFromCaller`). If one of those
   * were given here as well, the command's environment would contain it twice.
   */
  readonly env: Readonly<Record<string, string>>;
  /**
   * First word of the line on stderr that reports why the program could not be started: the word, a space, and three digits.
   * These are errno, plus 200 if the working directory could not be entered, or plus 400 if the niceness could not be set.
   */
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

/** RLIM_INFINITY. A launcher never raises a hard limit, so this one keeps it. */
const noLimit = 2n ** 64n - 1n;

/** Makes the bytes of an executable file. Throws an `Error` that names the text that contains a NUL. */
export function makeLauncher(arch: LauncherArch, launch: Launch): Uint8Array<ArrayBuffer> {
  const code = Uint8Array.fromBase64(launcherCode[arch]);
  const { program, args, ownSession, ownStdin, cwd, cwdRequired } = launch;
  const { env, umask, niceness, limits, word } = launch;
  const variables = Object.entries(env);
  const texts = new TextEncoder().encode([
    text("word", word),
    text("working directory", cwd),
    text("program", program),
    ...args.map((arg, index) => text(`argument ${index + 1}`, arg)),
    ...variables.map(([name, value]) =>
      text(`variable ${JSON.stringify(name)}`, `${name}=${value}`)
    ),
  ].join(""));
  const numbers = [
    1 + args.length,
    variables.length,
    limits.length,
    Number(ownSession),
    Number(cwdRequired),
    umask ?? -1,
    niceness === undefined ? -1 : niceness + 20,
    Number(ownStdin),
  ];
  const longNumbers = limits.flatMap(({ resource, soft, hard }) => [
    BigInt(resourceNumbers[resource]),
    BigInt(soft),
    hard === undefined ? noLimit : BigInt(hard),
  ]);
  const textsAt = code.length + 4 * numbers.length;
  const limitsAt = textsAt + texts.length;
  const file = new Uint8Array(limitsAt + 8 * longNumbers.length);
  file.set(code);
  file.set(texts, textsAt);
  const view = new DataView(file.buffer);
  numbers.forEach((number, index) => view.setInt32(code.length + 4 * index, number, true));
  longNumbers.forEach((number, index) => view.setBigUint64(limitsAt + 8 * index, number, true));
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
