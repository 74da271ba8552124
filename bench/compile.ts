/**
 * A C program of the benchmark's own, compiled on the spot.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { outputOf } from "./command.ts";
import { BenchFailure } from "./failure.ts";

/**
 * Compiles the C file of that name in this folder. Resolves with the reason when this machine cannot
 * compile it.
 */
export async function compile(
  { source, binary }: {
    /** Its name. */
    readonly source: string;
    /** Absolute path of the binary. */
    readonly binary: string;
  },
  signal: AbortSignal,
): Promise<string | undefined> {
  const path = fileURLToPath(new URL(source, import.meta.url));
  try {
    await outputOf("cc", ["-O2", "-pthread", "-o", binary, path], signal);
    return undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "there is no C compiler (cc)";
    // A compiler can be installed and not work, such as the placeholder of a system without its
    // developer tools.
    if (error instanceof BenchFailure && !signal.aborted) return error.message;
    throw error;
  }
}
