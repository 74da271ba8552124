/**
 * The machine's floor: what `floor.c` measures, compiled on the spot.
 *
 * Absolute figures drift with the machine and its neighbours; a ratio to a floor of the same
 * minute says more.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { outputOf } from "./command.ts";
import { BenchFailure } from "./failure.ts";

/** Measures the floor once and resolves with spawns per second. */
export type Floor = (signal: AbortSignal) => Promise<number>;

/**
 * Spawns of one measurement: the better part of a second, so that a single hiccup does not show.
 */
const spawns = 1500;

/** Compiles the floor into a folder; a sentence says why when there is none. */
export async function compileFloor(
  { folder, program, threads }: {
    /** Where the binary goes. */
    readonly folder: string;
    /** Absolute path of what it starts. */
    readonly program: string;
    /** Spawns at the same time. */
    readonly threads: number;
  },
  signal: AbortSignal,
): Promise<{ readonly measure: Floor } | { readonly missing: string }> {
  const source = fileURLToPath(new URL("floor.c", import.meta.url));
  const binary = join(folder, "floor");
  try {
    await outputOf("cc", ["-O2", "-pthread", "-o", binary, source], signal);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { missing: "there is no C compiler (cc)" };
    // A compiler can be there and not work, as the placeholder of a system without its developer
    // tools.
    if (error instanceof BenchFailure && !signal.aborted) return { missing: error.message };
    throw error;
  }
  return {
    measure: async (signal) =>
      Number(await outputOf(binary, [program, String(spawns), String(threads)], signal)),
  };
}
