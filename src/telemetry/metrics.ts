/**
 * What the parts of the program report, and what of it is asked for at a scrape. Label sets are closed: a job's id
 * cannot become a label.
 *
 * @module
 */

import { type OutcomeLabel, outcomeLabels } from "../jobs/job.ts";
import type { ProcessFigures } from "../isolate/messages.ts";
import type { Route } from "../wire/resources.ts";
import {
  type BufferShare,
  bufferShares,
  type CaptureName,
  captureNames,
  catalogue,
  type RejectionReason,
  rejectionReasons,
} from "./catalogue.ts";
import type { Exposition, Labels } from "./exposition.ts";
import { createHttpLabels, knownMethod } from "./http_labels.ts";

/** What the parts of the program report. */
export interface Metrics {
  /** A worker took a job. */
  jobStarted(job: { readonly queuedSec: number; readonly payloadBytes: number }): void;
  /** A job that had a worker came to its end; `run` is absent when there was none. */
  jobEnded(workerId: number, outcome: OutcomeLabel, run?: RunFigures): void;
  /** A request for a job came to no run. */
  rejected(reason: RejectionReason): void;
  /** A request arrived; call what is returned when its answer was handed over. */
  requestArrived(method: string): (route: Route | undefined, status: number) => void;
  /** Jobs that had a worker since the start, by how they ended. */
  outcomes(): Readonly<Record<OutcomeLabel, number>>;
  /** Requests that came to no run since the start, by reason. */
  rejections(): Readonly<Record<RejectionReason, number>>;
}

/** What is measured of a run. */
export interface RunFigures {
  /** Seconds that the command ran. */
  readonly elapsedSec: number;
  /** Size of all it produced, as far as kept. */
  readonly resultBytes: number;
  /** Its outputs that were cut. */
  readonly truncated: readonly CaptureName[];
}

/** Values that are asked for at each scrape. */
export interface LiveFigures {
  /** Worker ids are 1 to this. */
  readonly numWorkers: number;
  /** Jobs that may wait. */
  readonly queueLimit: number;
  /** `https` when TLS is on. */
  readonly scheme: "http" | "https";
  /** Of the program and its runtime. */
  readonly versions: { readonly jobrunner: string; readonly deno: string };
  /** Jobs waiting. */
  queuedJobs(): number;
  /** How long the first of them has waited, in seconds; 0 when nobody waits. */
  oldestWaitSec(): number;
  /** Workers that hold a job. */
  workersBusy(): number;
  /** Bytes held in memory for requests. */
  buffered(): Readonly<Record<BufferShare, number>>;
  /** Answers that were broken off. */
  answersGivenUp(): number;
  /** The server's own process, as last measured. */
  process(): ProcessFigures | undefined;
}

/** Makes every instrument of the catalogue. What can exist at the start exists at the start, with 0. */
export function createMetrics(exposition: Exposition, live: LiveFigures): Metrics {
  const { observe, histogram } = exposition;
  const jobs = Array.from({ length: live.numWorkers }, () => zeros(outcomeLabels));
  const rejections = zeros(rejectionReasons);
  const truncated = zeros(captureNames);
  const active = new Map<string, { readonly labels: Labels; count: number }>();
  const activeOf = (method: string) => {
    const known = active.get(method);
    if (known) return known;
    const labels = { http_request_method: method, url_scheme: live.scheme };
    const added = { labels, count: 0 };
    active.set(method, added);
    return added;
  };
  for (const method of ["GET", "POST"]) activeOf(method);
  const answers = createHttpLabels(live.scheme);

  observe(catalogue.jobs, (tell) => {
    jobs.forEach((outcomes, index) => {
      const worker_id = String(index + 1);
      for (const outcome of outcomeLabels) tell(outcomes[outcome], { worker_id, outcome });
    });
  });
  const queueWait = histogram(catalogue.queueWait);
  const duration = histogram(catalogue.duration);
  const payload = histogram(catalogue.payload);
  const result = histogram(catalogue.result);
  observe(catalogue.truncated, (tell) => {
    for (const output of captureNames) tell(truncated[output], { output });
  });
  observe(catalogue.answersGivenUp, (tell) => tell(live.answersGivenUp()));
  observe(catalogue.rejected, (tell) => {
    for (const reason of rejectionReasons) tell(rejections[reason], { reason });
  });
  observe(catalogue.queued, (tell) => tell(live.queuedJobs()));
  observe(catalogue.oldestWait, (tell) => tell(live.oldestWaitSec()));
  observe(catalogue.queueLimit, (tell) => tell(live.queueLimit));
  observe(catalogue.workers, (tell) => tell(live.numWorkers));
  observe(catalogue.workersBusy, (tell) => tell(live.workersBusy()));
  observe(catalogue.buffered, (tell) => {
    const held = live.buffered();
    for (const share of bufferShares) tell(held[share], { share });
  });
  observe(catalogue.buildInfo, (tell) => {
    tell(1, { version: live.versions.jobrunner, deno_version: live.versions.deno });
  });
  const httpDuration = histogram(catalogue.httpDuration, [...answers.values()]);
  observe(catalogue.httpActive, (tell) => {
    for (const { labels, count } of active.values()) tell(count, labels);
  });
  observeProcess(exposition, live);

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
      const name = knownMethod(method);
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

function observeProcess({ observe }: Exposition, live: LiveFigures): void {
  const rows = [
    [catalogue.processesEnded, "processesEnded"],
    [catalogue.processCpu, "cpuSec"],
    [catalogue.processResident, "residentBytes"],
    [catalogue.processVirtual, "virtualBytes"],
    [catalogue.processOpenFds, "openFds"],
    [catalogue.processMaxFds, "maxFds"],
    [catalogue.processThreads, "threads"],
    [catalogue.processStart, "startTimeSec"],
  ] as const;
  for (const [row, key] of rows) {
    observe(row, (tell) => {
      const value = live.process()?.[key];
      if (value !== undefined) tell(value);
    });
  }
}

function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}
