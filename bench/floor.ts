/**
 * The machine's floor: what `floor.c` measures, compiled on the spot.
 *
 * Absolute figures drift with the machine and its neighbours; a ratio to a floor of the same
 * minute says more.
 *
 * @module
 */

import { join } from "node:path";
import { outputOf } from "./command.ts";
import { compile } from "./compile.ts";
import { smallEnvironment } from "./environment.ts";

/** The result of one measurement of the floor. */
export interface FloorSample {
  /** Spawns per second. */
  readonly perSec: number;
  /** Half of the spawns took no longer, from the start to the end of the program. */
  readonly p50Ms: number;
  /** 99 of 100 spawns took no longer. */
  readonly p99Ms: number;
}

/** Spawns the program of a small job so many times, from so many threads. */
export type Floor = (
  { threads, spawns }: { readonly threads: number; readonly spawns: number },
  signal: AbortSignal,
) => Promise<FloorSample>;

/** Compiles the floor into a folder; `missing` is the reason when there is none. */
export async function compileFloor(
  { folder, program }: {
    /** Where the binary goes. */
    readonly folder: string;
    /** Absolute path of what it starts. */
    readonly program: string;
  },
  signal: AbortSignal,
): Promise<{ readonly measure: Floor } | { readonly missing: string }> {
  const binary = join(folder, "floor");
  const missing = await compile({ source: "floor.c", binary }, signal);
  if (missing !== undefined) return { missing };
  // What it spawns inherits what a job of the server would.
  const env = smallEnvironment();
  return {
    measure: async ({ threads, spawns }, signal) => {
      const text = await outputOf(binary, [program, `${spawns}`, `${threads}`], signal, { env });
      const [perSec = NaN, p50Ms = NaN, p99Ms = NaN] = text.trim().split(" ").map(Number);
      return { perSec, p50Ms, p99Ms };
    },
  };
}
