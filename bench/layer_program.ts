/**
 * Layers of one checkout, measured in a process of their own: no other version's code is in it.
 *
 * Its one argument and the line that it prints are JSON.
 *
 * @module
 */

import type { Layer } from "./layer.ts";
import { runAsProgram } from "./loads/program.ts";
import { medianOf } from "./statistics.ts";

/** What is measured. */
export interface LayersPlan {
  /** The `file:` URL of the folder with the layers; it ends in a slash. */
  readonly folder: string;
  /** Names of their files, without the ending. */
  readonly names: readonly string[];
  /** Measured calls of each, roughly; as many come first, unmeasured, in which the code is compiled. */
  readonly calls: number;
}

/** Microseconds of one call, by the layer's name. */
export type LayerTimes = Readonly<Record<string, number>>;

/** The calls are measured in so many parts, whose median counts: other programs use the machine too. */
const parts = 10;

/** Measures one layer after the other. */
async function timeLayers({ folder, names, calls }: LayersPlan): Promise<LayerTimes> {
  const times: Record<string, number> = {};
  for (const name of names) {
    const { layer } = await import(new URL(`${name}.ts`, folder).href) as { layer: Layer };
    const run = layer();
    await run(calls);
    const count = Math.ceil(calls / parts);
    const values: number[] = [];
    while (values.length < parts) {
      const start = performance.now();
      await run(count);
      values.push((performance.now() - start) * 1000 / count);
    }
    times[name] = medianOf(values);
  }
  return times;
}

await runAsProgram(import.meta, timeLayers);
