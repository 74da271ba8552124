/**
 * Label sets of HTTP metrics after OpenTelemetry's HTTP conventions: closed, whatever clients send.
 *
 * @module
 */

import { knownMethods } from "./catalogue.ts";
import type { Labels } from "./exposition.ts";

/** The label sets of answers seen so far, and those that are there from the start. */
export interface HttpLabels {
  /** The set for an answer. `route` is undefined for a path that does not exist. */
  of(method: string, route: string | undefined, status: number): Labels;
  /** Every set so far. */
  values(): Iterable<Labels>;
}

/** What the service answers in the ordinary course: these series exist from the start. */
const ordinary: readonly (readonly [string, string, readonly number[]])[] = [
  ["POST", "/payload", [200, 400, 401, 408, 411, 413, 415, 500, 503]],
  ["GET", "/status", [200]],
  ["GET", "/metrics", [200]],
  ["GET", "/livez", [200]],
  ["GET", "/readyz", [200, 503]],
];

/** Starts with the ordinary ones. */
export function createHttpLabels(scheme: "http" | "https"): HttpLabels {
  const sets = new Map<string, Labels>();
  const of = (method: string, route: string | undefined, status: number): Labels => {
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
  for (const [method, route, statuses] of ordinary) {
    for (const status of statuses) of(method, route, status);
  }
  return { of, values: () => sets.values() };
}

const known: ReadonlySet<string> = new Set(knownMethods);

/** The method as a label: one that we do not serve is `_OTHER`. */
export function knownMethod(method: string): string {
  return known.has(method) ? method : "_OTHER";
}
