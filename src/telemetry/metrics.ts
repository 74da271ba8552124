/**
 * Metrics reported by the program. Label sets are closed: a job's id cannot become a label.
 *
 * @module
 */

import { type Names, type OutcomeLabel, outcomeLabels } from "../jobs/job.ts";
import type { Route } from "../wire/resources.ts";
import {
  type CaptureName,
  captureNames,
  catalogue,
  type RejectionReason,
  rejectionReasons,
} from "./catalogue.ts";
import type { Exposition, Labels } from "./exposition.ts";
import { createHttpLabels, methodLabel } from "./http_labels.ts";

/** Where the parts of the program report what happens. */
export interface Metrics {
  /** A worker took a job. */
  jobStarted(job: { readonly queuedSec: number; readonly payloadBytes: number }): void;
  /** A job that had a worker ended; `run` is absent if the command did not run. */
  jobEnded(workerId: number, outcome: OutcomeLabel, run?: RunFigures): void;
  /** A request for a job did not lead to a run. */
  rejected(reason: RejectionReason, names: Names | undefined): void;
  /** A request arrived. Call the returned function when its answer was sent. */
  requestArrived(method: string): (route: Route | undefined, status: number) => void;
  /** Jobs that had a worker since the start, by how they ended. */
  outcomes(): Readonly<Record<OutcomeLabel, number>>;
  /** Requests that did not lead to a run since the start, by reason. */
  rejections(): Readonly<Record<RejectionReason, number>>;
}

/** Measurements of a run. */
export interface RunFigures {
  /** Seconds that the command ran. */
  readonly elapsedSec: number;
  /** Size of everything it produced, as far as kept. */
  readonly resultBytes: number;
  /** Its outputs that were truncated. */
  readonly truncated: readonly CaptureName[];
}

/**
 * Creates the instruments for reported events; `live.ts` creates those for values read at a scrape. Series whose labels are
 * known start at 0. Worker ids are 1 to `numWorkers`; the scheme is `https` if TLS is on; `named` says whether commands have
 * names.
 */
export function createMetrics(
  { observe, histogram }: Exposition,
  { numWorkers, scheme, named }: {
    readonly numWorkers: number;
    readonly scheme: "http" | "https";
    readonly named: boolean;
  },
): Metrics {
  const jobs = Array.from({ length: numWorkers }, () => zeros(outcomeLabels));
  const rejections = zeros(rejectionReasons);
  const truncated = zeros(captureNames);
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

  observe(catalogue.jobs, (report) => {
    jobs.forEach((outcomes, index) => {
      const worker_id = String(index + 1);
      for (const outcome of outcomeLabels) report(outcomes[outcome], { worker_id, outcome });
    });
  });
  const queueWait = histogram(catalogue.queueWait);
  const duration = histogram(catalogue.duration);
  const payload = histogram(catalogue.payload);
  const result = histogram(catalogue.result);
  observe(catalogue.truncated, (report) => {
    for (const output of captureNames) report(truncated[output], { output });
  });
  observe(catalogue.rejected, (report) => {
    for (const reason of rejectionReasons) report(rejections[reason], { reason });
  });
  const httpDuration = histogram(catalogue.httpDuration, [...answers.values()]);
  observe(catalogue.httpActive, (report) => {
    for (const { labels, count } of active.values()) report(count, labels);
  });

  return {
    jobStarted({ queuedSec, payloadBytes }) {
      queueWait.record(queuedSec);
      payload.record(payloadBytes);
    },
    jobEnded(workerId, outcome, run) {
      const outcomes = jobs[workerId - 1];
      if (outcomes) outcomes[outcome]++;
      if (!run) return;
      duration.record(run.elapsedSec);
      result.record(run.resultBytes);
      for (const output of run.truncated) truncated[output]++;
    },
    rejected(reason) {
      rejections[reason]++;
    },
    requestArrived(method) {
      const arrivedAt = performance.now();
      const name = methodLabel(method);
      const counted = activeOf(name);
      counted.count++;
      return (route, status) => {
        counted.count--;
        const seconds = (performance.now() - arrivedAt) / 1000;
        httpDuration.record(seconds, answers.of(name, route, status));
      };
    },
    outcomes() {
      const sums = zeros(outcomeLabels);
      for (const outcomes of jobs) {
        for (const outcome of outcomeLabels) sums[outcome] += outcomes[outcome];
      }
      return sums;
    },
    rejections: () => ({ ...rejections }),
  };
}

function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}
