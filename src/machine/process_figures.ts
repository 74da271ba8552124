/**
 * Resource use of this process, from the runtime and, on Linux, from /proc.
 *
 * @module
 */

import process from "node:process";
import type { ProcessFigures } from "../isolate/messages.ts";

/** Measures now. A figure that cannot be read is absent. */
export function measureProcess(): Omit<ProcessFigures, "processesEnded"> {
  const { user, system } = process.cpuUsage();
  // The runtime reports 0 if it cannot measure.
  const residentBytes = Deno.memoryUsage().rss || undefined;
  return {
    cpuSec: (user + system) / 1e6,
    startTimeSec,
    ...(residentBytes === undefined ? {} : { residentBytes }),
    ...(Deno.build.os === "linux" ? fromProc() : {}),
  };
}

/** When the main isolate was created, a few milliseconds after the process. */
const startTimeSec = performance.timeOrigin / 1000;

function fromProc(): Partial<ProcessFigures> {
  const status = textOf("/proc/self/status");
  const maxFds = numberIn(textOf("/proc/self/limits"), /^Max open files\s+(\d+)/m) ?? lastMaxFds;
  lastMaxFds = maxFds;
  return Object.fromEntries(
    Object.entries({
      virtualBytes: kibibytes(numberIn(status, /^VmSize:\s+(\d+) kB$/m)),
      threads: numberIn(status, /^Threads:\s+(\d+)$/m),
      openFds: openFds() ?? maxFds,
      maxFds,
    }).filter(([, value]) => value !== undefined),
  );
}

/** The value of the previous scrape, used if no descriptor is free to read with. */
let lastMaxFds: number | undefined;

/** Undefined if no descriptor is free to read with: then all are in use. */
function openFds(): number | undefined {
  try {
    // The descriptor that reads the folder itself is not counted.
    return [...Deno.readDirSync("/proc/self/fd")].length - 1;
  } catch {
    return undefined;
  }
}

function textOf(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}

function numberIn(text: string, pattern: RegExp): number | undefined {
  const found = pattern.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

function kibibytes(count: number | undefined): number | undefined {
  return count === undefined ? undefined : count * 1024;
}
