/**
 * The machine: figures without it mean nothing.
 *
 * @module
 */

import { cpus, totalmem } from "node:os";

/** What figures depend on. */
export interface Machine {
  /** Model of the CPU, as the system names it. */
  readonly cpu: string;
  /** Cores that this process may use. */
  readonly cores: number;
  /** All of its memory. */
  readonly memoryBytes: number;
  /** Name of the system, if it has one, and version of its kernel. */
  readonly system: string;
}

/** This machine. */
export function thisMachine(): Machine {
  const kernel = `${Deno.build.os} ${Deno.osRelease()} ${Deno.build.arch}`;
  const distribution = distributionName();
  return {
    cpu: cpus()[0]?.model.trim() || "unknown CPU",
    cores: navigator.hardwareConcurrency,
    memoryBytes: totalmem(),
    system: distribution === undefined ? kernel : `${distribution}, ${kernel}`,
  };
}

function distributionName(): string | undefined {
  try {
    return /^PRETTY_NAME="?([^"\n]+)/m.exec(Deno.readTextFileSync("/etc/os-release"))?.[1];
  } catch {
    // Only Linux distributions have that file, and not all of them.
    return undefined;
  }
}
