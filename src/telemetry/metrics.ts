/**
 * Metrics reported by the program. Label sets are closed: a job's id cannot become a label.
 *
 * @module
 */

import type { Route } from "../wire/resources.ts";
import { catalogue } from "./catalogue.ts";
import type { Exposition } from "./exposition.ts";
import type { Labels } from "./histogram.ts";
import { createHttpLabels, methodLabel } from "./http_labels.ts";
import { createJobMetrics, type JobMetrics } from "./job_metrics.ts";
import { createWarmMetrics, type WarmMetrics } from "./warm_metrics.ts";

/** Where the parts of the program report what happens. */
export interface Metrics extends JobMetrics, WarmMetrics {
  /** A request arrived. Call the returned function when its answer was sent. */
  requestArrived(method: string): (route: Route | undefined, status: number) => void;
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
  const answers = createHttpLabels(scheme, named);

  const jobs = createJobMetrics(exposition);
  const warm = createWarmMetrics(exposition);
  const httpDuration = exposition.histogram(catalogue.httpDuration);
  const durations = new Map<Labels, (seconds: number) => void>();
  const durationOf = (labels: Labels) => {
    const known = durations.get(labels);
    if (known) return known;
    const added = httpDuration.add(labels);
    durations.set(labels, added);
    return added;
  };
  for (const labels of answers.values()) durationOf(labels);
  exposition.observe(catalogue.httpActive, (report) => {
    for (const { labels, count } of active.values()) report(count, labels);
  });

  return {
    ...jobs,
    ...warm,
    requestArrived(method) {
      const arrivedAt = performance.now();
      const name = methodLabel(method);
      const counted = activeOf(name);
      counted.count++;
      return (route, status) => {
        counted.count--;
        const seconds = (performance.now() - arrivedAt) / 1000;
        durationOf(answers.of(name, route, status))(seconds);
      };
    },
  };
}
