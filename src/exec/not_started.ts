/**
 * Interprets the errors of a command that could not be started.
 *
 * @module
 */

import type { Ending, RunFailure } from "../jobs/job.ts";

/** The ending of a command that never ran. */
export type NotStarted = Extract<Ending, { readonly kind: "not_started" }>;

/** Errors of Linux that mean that the machine lacks something, by number: the command is not the cause. */
const machineTrouble: ReadonlyMap<number, string> = new Map([
  [11, "EAGAIN"],
  [12, "ENOMEM"],
  [23, "ENFILE"],
  [24, "EMFILE"],
]);

/**
 * Errors of execve(2), chdir(2) and setpriority(2) on Linux, in the C library's words. For EPERM, ENOENT and EACCES of execve we
 * have sentences of our own.
 */
const errorTexts: ReadonlyMap<number, string> = new Map([
  [1, "Operation not permitted"],
  [2, "No such file or directory"],
  [5, "Input/output error"],
  [7, "Argument list too long"],
  [8, "Exec format error"],
  [11, "Resource temporarily unavailable"],
  [12, "Cannot allocate memory"],
  [13, "Permission denied"],
  [20, "Not a directory"],
  [21, "Is a directory"],
  [22, "Invalid argument"],
  [23, "Too many open files in system"],
  [24, "Too many open files"],
  [26, "Text file busy"],
  [36, "File name too long"],
  [40, "Too many levels of symbolic links"],
  [80, "Accessing a corrupted shared library"],
]);

/** What a launcher can fail at before execve, by the number that it then adds to errno. */
const launchSteps: ReadonlyMap<number, string> = new Map([
  [200, "the working directory cannot be entered"],
  [400, "its niceness cannot be set"],
]);

/** Every errno of Linux is below this. */
const errnoEnd = 200;

/**
 * Interprets the error of a failed spawn: either the ending of a command that cannot be started (127: not found; 126: found
 * but not executable, as in POSIX), or a failure of the machine.
 */
export function spawnFailure(error: unknown, program: string): NotStarted | RunFailure {
  const detail = detailOf(error);
  if (isMachineTrouble(error) || error instanceof Deno.errors.NotCapable) {
    return spawnRefused(program, detail);
  }
  if (error instanceof Deno.errors.NotFound && !lacksFolder(error)) return notFound(program);
  if (error instanceof Deno.errors.PermissionDenied) return notExecutable(program);
  return { kind: "not_started", exitStatus: 126, reason: `cannot run ${program}: ${detail}` };
}

/** Whether a spawn failed because there is no such working directory. The runtime looks at it before it looks for the program. */
export function lacksFolder(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound && /\bcwd\b/.test(detailOf(error));
}

/** Whether a spawn failed because the machine lacks something, such as memory or descriptors. */
export function isMachineTrouble(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  if (typeof code === "string" && [...machineTrouble.values()].includes(code)) return true;
  if (Deno.build.os === "windows") return false;
  return machineTrouble.has(Number(/os error (\d+)\)/.exec(String(error))?.[1]));
}

/**
 * Interprets the number that a launcher reports in the same way: errno of Linux (errno(3)), which says why execve failed. For a
 * step before execve, 200 (the working directory) or 400 (the niceness) is added to errno.
 */
export function launchFailure(reported: number, program: string): NotStarted | RunFailure {
  const step = launchSteps.get(reported - reported % errnoEnd);
  const errno = step === undefined ? reported : reported % errnoEnd;
  const text = `${errorTexts.get(errno) ?? "Unknown error"} (os error ${errno})`;
  const detail = step === undefined ? text : `${step}: ${text}`;
  if (machineTrouble.has(errno)) return spawnRefused(program, detail);
  if (reported === 2) return notFound(program);
  if (reported === 1 || reported === 13) return notExecutable(program);
  return { kind: "not_started", exitStatus: 126, reason: `cannot run ${program}: ${detail}` };
}

/** The runtime's message without the program, which our sentence names anyway. */
export function detailOf(error: unknown): string {
  return error instanceof Error
    ? error.message.replace(/^Failed to spawn '.*?': /s, "")
    : String(error);
}

function spawnRefused(program: string, detail: string): RunFailure {
  return { kind: "spawn_refused", reason: `cannot run ${program}: ${detail}` };
}

function notFound(program: string): NotStarted {
  return {
    kind: "not_started",
    exitStatus: 127,
    reason:
      `cannot run ${program}: not found (the file itself, or the interpreter its first line names)`,
  };
}

function notExecutable(program: string): NotStarted {
  return {
    kind: "not_started",
    exitStatus: 126,
    reason: `cannot run ${program}: permission denied (it must be an executable file)`,
  };
}
