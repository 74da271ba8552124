/**
 * Layers of one checkout, measured in a process of their own: no other version's code is in it.
 *
 * Its one argument and the line that it prints are JSON.
 *
 * @module
 */

import type { Layer } from "./layer.ts";
import { runAsProgram } from "./loads/program.ts";

/** What is measured. */
export interface LayersPlan {
  /** The `file:` URL of the folder with the layers; it ends in a slash. */
  readonly folder: string;
  /** Names of their files, without the ending. */
  readonly names: readonly string[];
  /** Measured calls of each; as many come before them, in which the code is compiled. */
  readonly calls: number;
}

/** Microseconds of one call, by the layer's name. */
export type LayerTimes = Readonly<Record<string, number>>;

/** Measures one layer after the other. */
async function timeLayers({ folder, names, calls }: LayersPlan): Promise<LayerTimes> {
  const times: Record<string, number> = {};
  for (const name of names) {
    const { layer } = await import(new URL(`${name}.ts`, folder).href) as { layer: Layer };
    const run = layer();
    await run(calls);
    const start = performance.now();
    await run(calls);
    times[name] = (performance.now() - start) * 1000 / calls;
  }
  return times;
}

await runAsProgram(import.meta, timeLayers);
