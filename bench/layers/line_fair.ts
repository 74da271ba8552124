/**
 * The fair queue under the same load as the other one in `line.ts`; each client has a lane.
 *
 * @module
 */

import { createFairLine } from "../../src/jobs/fair_line.ts";
import type { Layer } from "../layer.ts";
import { runThrough, size } from "./line.ts";

/** `line_fair`. */
export const layer: Layer = () => {
  const names = Array.from({ length: size.clients }, (_, index) => `${index}`);
  return runThrough(createFairLine({ ...size, lanes: new Map(names.map((name) => [name, {}])) }));
};
