/**
 * `GET /metrics`: the metrics, for Prometheus.
 *
 * @module
 */

import { page } from "../answer/page.ts";
import type { FrontDoor } from "../door.ts";
import type { Handlers } from "../handler.ts";

/** Prometheus text format 0.0.4. */
const prometheusText = "text/plain; version=0.0.4; charset=utf-8";

/** See the module's head. */
export function metrics(door: FrontDoor): Handlers<"/metrics"> {
  return { GET: async (c) => page(c, prometheusText, await door.metricsText()) };
}
