/**
 * Metrics reported by the program. Label sets are closed: a job's id cannot become a label.
 *
 * @module
 */

import type { Route } from "../wire/resources.ts";
import { catalogue } from "./catalogue.ts";
import type { Exposition } from "./exposition.ts";
import type { Labels } from "./histogram.ts";
import { createHttpSeries, methodLabel } from "./http_series.ts";
import { createJobMetrics, type JobMetrics } from "./job_metrics.ts";
import { createWarmMetrics, type WarmMetrics } from "./warm_metrics.ts";

/** Where the parts of the program report what happens. */
export interface Metrics extends JobMetrics, WarmMetrics {
  /** A request arrived. It counts as active until `requestAnswered`, which follows once. */
  requestArrived(method: string): void;
  /** The answer to a request was sent, `seconds` after its arrival. `route` is undefined for a path that does not exist. */
  requestAnswered(method: string, route: Route | undefined, status: number, seconds: number): void;
}

/**
 * Creates the instruments for reported events; `live.ts` creates those for values read at a scrape. Series whose labels are
 * known start at 0, those of a command once it is announced. The scheme is `https` if TLS is on; `named` says
 * whether commands have names.
 */
export function createMetrics(
  exposition: Exposition,
  { scheme, named }: { readonly scheme: "http" | "https"; readonly named: boolean },
): Metrics {
  const active = new Map<string, { readonly labels: Labels; count: number }>();
  const activeOf = (method: string) => {
    const known = active.get(method);
    if (known) return known;
    const labels = { http_request_method: method, url_scheme: scheme };
    const added = { labels, count: 0 };
    active.set(method, added);
    return added;
  };
  for (const method of ["GET", "POST"]) activeOf(method);

  const jobs = createJobMetrics(exposition);
  const warm = createWarmMetrics(exposition);
  const durations = createHttpSeries(
    exposition.histogram(catalogue.httpDuration),
    scheme,
    named,
  );
  exposition.observe(catalogue.httpActive, (report) => {
    for (const { labels, count } of active.values()) report(count, labels);
  });

  return {
    ...jobs,
    ...warm,
    requestArrived(method) {
      activeOf(methodLabel(method)).count++;
    },
    requestAnswered(method, route, status, seconds) {
      const label = methodLabel(method);
      activeOf(label).count--;
      durations.of(label, route, status)(seconds);
    },
  };
}
