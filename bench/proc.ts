/**
 * What the system knows about a running process, from Linux's `/proc`.
 *
 * @module
 */

import { outputOf } from "./command.ts";
import { BenchFailure } from "./failure.ts";

/** Reads one process. What this system cannot measure is undefined, and `missing` says why. */
export interface ProcessMeter {
  /**
   * CPU seconds that the process itself used so far, all its threads, in user and kernel mode; not
   * those of its children. A child's own start, from vfork to exec, counts as the child's.
   */
  cpuSec(): number | undefined;
  /** Bytes of memory it holds in RAM now. */
  residentBytes(): number | undefined;
  /** The most bytes of memory that it held in RAM since its start. */
  peakBytes(): number | undefined;
  /** Sentences about what is undefined. */
  readonly missing: readonly string[];
}

/** A meter for the process `pid`. Its readings throw a `BenchFailure` once the process is gone. */
export async function meterOf(pid: number, signal: AbortSignal): Promise<ProcessMeter> {
  if (Deno.build.os !== "linux" || !canRead("/proc/self/stat")) {
    return {
      cpuSec: () => undefined,
      residentBytes: () => undefined,
      peakBytes: () => undefined,
      missing: ["the server's CPU per job and its memory: there is no Linux /proc"],
    };
  }
  const ticksPerSec = await clockTicks(signal);
  return {
    cpuSec: () => ticksPerSec === undefined ? undefined : cpuTicks(read(pid, "stat")) / ticksPerSec,
    residentBytes: () => statusBytes(pid, /^VmRSS:\s*(\d+) kB$/m),
    peakBytes: () => statusBytes(pid, /^VmHWM:\s*(\d+) kB$/m),
    missing: ticksPerSec === undefined
      ? ["the server's CPU per job: getconf CLK_TCK does not say how long a clock tick is"]
      : [],
  };
}

/** Fields 14 (utime) and 15 (stime) of `/proc/<pid>/stat`, summed. */
function cpuTicks(stat: string): number {
  // Field 2, the name in parentheses, may itself hold spaces and parentheses: count from behind it.
  const fromField3 = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fromField3[14 - 3]) + Number(fromField3[15 - 3]);
}

function statusBytes(pid: number, line: RegExp): number {
  const kibibytes = line.exec(read(pid, "status"))?.[1];
  // A process that has ended but was not waited for yet has no memory and so no such line.
  if (kibibytes === undefined) throw new BenchFailure("the server has ended");
  return Number(kibibytes) * 1024;
}

async function clockTicks(signal: AbortSignal): Promise<number | undefined> {
  try {
    const ticks = Number(await outputOf("getconf", ["CLK_TCK"], signal));
    return ticks > 0 ? ticks : undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Deno.errors.NotFound || error instanceof BenchFailure) return undefined;
    throw error;
  }
}

function read(pid: number, name: string): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/${name}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new BenchFailure("the server has ended");
    throw error;
  }
}

function canRead(path: string): boolean {
  try {
    Deno.readTextFileSync(path);
    return true;
  } catch {
    return false;
  }
}
