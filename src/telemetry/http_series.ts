/**
 * Label sets of HTTP metrics, named after OpenTelemetry's HTTP conventions: closed, whatever clients send.
 *
 * @module
 */

import { resources, type Route, routesOf } from "../wire/resources.ts";
import { methodLabels } from "./catalogue.ts";
import type { Labels } from "./histogram.ts";

/** The label sets of answers seen so far, and those that exist from the start. */
export interface HttpLabels {
  /** The label set of an answer. `route` is undefined for a path that does not exist. */
  of(method: string, route: Route | undefined, status: number): Labels;
  /** All label sets so far. */
  values(): Iterable<Labels>;
}

/** Starts with the label sets listed in the table of resources; `named` says whether commands have names. */
export function createHttpLabels(scheme: "http" | "https", named: boolean): HttpLabels {
  const sets = new Map<string, Labels>();
  const of = (method: string, route: Route | undefined, status: number): Labels => {
    const key = `${method} ${route} ${status}`;
    const known = sets.get(key);
    if (known) return known;
    const labels = {
      http_request_method: method,
      url_scheme: scheme,
      ...(route === undefined ? {} : { http_route: route }),
      http_response_status_code: String(status),
    };
    sets.set(key, labels);
    return labels;
  };
  for (const route of routesOf(named)) {
    for (const [method, statuses] of Object.entries<readonly number[]>(resources[route].methods)) {
      for (const status of statuses) of(method, route, status);
    }
  }
  return { of, values: () => sets.values() };
}

const known: ReadonlySet<string> = new Set(methodLabels);

/** The method as a label; a method that the server does not know is `_OTHER`. */
export function methodLabel(method: string): string {
  return known.has(method) ? method : "_OTHER";
}
