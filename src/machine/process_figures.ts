/**
 * Resource use of this process, from the runtime and, on Linux, from /proc.
 *
 * @module
 */

import process from "node:process";
import type { ProcessFigures } from "../isolate/messages.ts";

/** Measures now. What cannot be read is absent. */
export function measureProcess(): Omit<ProcessFigures, "processesEnded"> {
  const { user, system } = process.cpuUsage();
  // 0 is what the runtime says when it cannot look.
  const residentBytes = Deno.memoryUsage().rss || undefined;
  return {
    cpuSec: (user + system) / 1e6,
    startTimeSec,
    ...(residentBytes === undefined ? {} : { residentBytes }),
    ...(Deno.build.os === "linux" ? fromProc() : {}),
  };
}

/** Time of the main isolate's birth, a few milliseconds after the process's own. */
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

/** Known from the scrape before when there is no descriptor left to look with. */
let lastMaxFds: number | undefined;

/** Undefined when there is none left to look with: then all of them are open. */
function openFds(): number | undefined {
  try {
    // The descriptor by which the folder itself is read is not counted.
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
