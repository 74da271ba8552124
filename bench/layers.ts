/**
 * The layers of a checkout, each measured alone.
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { startTask } from "./checkout.ts";
import { outputOf } from "./command.ts";
import { smallEnvironment } from "./environment.ts";
import type { LayersPlan, LayerTimes } from "./layer_program.ts";

const program = fileURLToPath(new URL("layer_program.ts", import.meta.url));

/** Names of the layers that a checkout can measure, in the order of the alphabet. */
export function layersOf(checkout: string): string[] {
  let files: Deno.DirEntry[];
  try {
    files = [...Deno.readDirSync(folderOf(checkout))];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  return files.flatMap(({ name }) => name.endsWith(".ts") ? [name.slice(0, -".ts".length)] : [])
    .sort();
}

/**
 * Measures layers of a checkout in a process of its own, under the flags of the server there: with two
 * versions in one process, the figures would depend on which was loaded first.
 */
export async function measureLayers(
  checkout: string,
  { names, calls }: Pick<LayersPlan, "names" | "calls">,
  signal: AbortSignal,
): Promise<LayerTimes> {
  if (names.length === 0) return {};
  const plan: LayersPlan = { folder: `${pathToFileURL(folderOf(checkout))}/`, names, calls };
  const args = [
    ...startTask(checkout).run,
    `--config=${join(checkout, "deno.json")}`,
    program,
    JSON.stringify(plan),
  ];
  return JSON.parse(await outputOf(Deno.execPath(), args, signal, { env: smallEnvironment() }));
}

function folderOf(checkout: string): string {
  return join(checkout, "bench", "layers");
}
