/**
 * What Linux says about a process.
 *
 * @module
 */

import type { Program } from "./program.ts";

type Process = Pick<Program, "pid">;

/** Resident memory in bytes. */
export function memoryOf({ pid }: Process): number {
  return numberIn(`/proc/${pid}/status`, /^VmRSS:\s+(\d+) kB$/m) * 1024;
}

/** Largest resident memory so far, in bytes. */
export function peakMemoryOf({ pid }: Process): number {
  return numberIn(`/proc/${pid}/status`, /^VmHWM:\s+(\d+) kB$/m) * 1024;
}

/** Bytes that it has read so far, from files and sockets. */
export function bytesReadBy({ pid }: Process): number {
  return numberIn(`/proc/${pid}/io`, /^rchar: (\d+)$/m);
}

function numberIn(file: string, pattern: RegExp): number {
  return Number(pattern.exec(Deno.readTextFileSync(file))?.[1]);
}
