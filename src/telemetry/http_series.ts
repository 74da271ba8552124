/**
 * Series of HTTP metrics, whose labels are named after OpenTelemetry's HTTP conventions. They are closed, whatever clients send.
 *
 * @module
 */

import { resources, type Route, routesOf } from "../wire/resources.ts";
import { methodLabels } from "./catalogue.ts";
import type { Histogram } from "./histogram.ts";

/** The series of a histogram of requests. */
export interface HttpSeries {
  /** Where values of such requests are recorded. `route` is undefined for a path that does not exist. */
  of(method: string, route: Route | undefined, status: number): (value: number) => void;
}

/** Adds the series listed in the table of resources; others come when they are used. `named` says whether commands have names. */
export function createHttpSeries(
  histogram: Histogram,
  scheme: "http" | "https",
  named: boolean,
): HttpSeries {
  // Maps in maps: a key for all three would be a new text for every request.
  const routes = new Map<Route | undefined, Map<string, Map<number, (value: number) => void>>>();
  const of = (method: string, route: Route | undefined, status: number) => {
    let methods = routes.get(route);
    if (!methods) routes.set(route, methods = new Map());
    let statuses = methods.get(method);
    if (!statuses) methods.set(method, statuses = new Map());
    const known = statuses.get(status);
    if (known) return known;
    const added = histogram.add({
      http_request_method: method,
      url_scheme: scheme,
      ...(route === undefined ? {} : { http_route: route }),
      http_response_status_code: String(status),
    });
    statuses.set(status, added);
    return added;
  };
  for (const route of routesOf(named)) {
    for (const [method, statuses] of Object.entries<readonly number[]>(resources[route].methods)) {
      for (const status of statuses) of(method, route, status);
    }
  }
  return { of };
}

const known: ReadonlySet<string> = new Set(methodLabels);

/** The method as a label; a method that the server does not know is `_OTHER`. */
export function methodLabel(method: string): string {
  return known.has(method) ? method : "_OTHER";
}
