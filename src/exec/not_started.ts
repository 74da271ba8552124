/**
 * What it means that a command could not be started.
 *
 * @module
 */

import type { Ending, RunFault } from "../job.ts";

/** The ending of a command that never ran. */
export type NotStarted = Extract<Ending, { readonly kind: "not_started" }>;

/** Error codes that say that the machine, not the command, is in trouble. */
const machineTrouble = new Set(["EAGAIN", "ENOMEM", "EMFILE", "ENFILE"]);
const machineTroubleErrno = /os error (11|12|23|24)\)/;

/**
 * What it means that a spawn failed: the ending of a command that cannot be started
 * (127: not found, 126: found but not executable, as POSIX has it), or a fault of the machine.
 */
export function spawnFailure(error: unknown, program: string): NotStarted | RunFault {
  const detail = error instanceof Error
    ? error.message.replace(/^Failed to spawn '.*?': /s, "")
    : String(error);
  const code = (error as { code?: unknown }).code;
  if (
    (typeof code === "string" && machineTrouble.has(code)) ||
    (Deno.build.os !== "windows" && machineTroubleErrno.test(detail)) ||
    error instanceof Deno.errors.NotCapable
  ) {
    return { kind: "spawn_refused", reason: `cannot run ${program}: ${detail}` };
  }
  if (error instanceof Deno.errors.NotFound) {
    return {
      kind: "not_started",
      exitStatus: 127,
      reason:
        `cannot run ${program}: not found (the file itself, or the interpreter its first line names)`,
    };
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return {
      kind: "not_started",
      exitStatus: 126,
      reason: `cannot run ${program}: permission denied (it must be an executable file)`,
    };
  }
  return { kind: "not_started", exitStatus: 126, reason: `cannot run ${program}: ${detail}` };
}
