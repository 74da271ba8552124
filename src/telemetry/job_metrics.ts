/**
 * Metrics of jobs, and of requests for a job that never ran, by command.
 *
 * @module
 */

import { type Names, type OutcomeLabel, outcomeLabels } from "../jobs/job.ts";
import {
  type CaptureName,
  captureNames,
  catalogue,
  type RejectionReason,
  rejectionReasons,
} from "./catalogue.ts";
import { type Counts, createCounter } from "./counters.ts";
import type { Exposition } from "./exposition.ts";
import type { Labels } from "./histogram.ts";

/** Where the jobs of all commands are reported. `names` is undefined without a configuration file. */
export interface JobMetrics {
  /**
   * Makes the series of a command exist, from 0, for worker ids 1 to `numWorkers`. May be called at any time, and again for the
   * same command: what exists already stays and keeps its counts.
   */
  announce(command: { readonly names: Names | undefined; readonly numWorkers: number }): void;
  /** Where the jobs of a command are reported. */
  of(names: Names | undefined): CommandMetrics;
  /** A request for a job did not lead to a run. `names` is also undefined if its command is not known. */
  rejected(reason: RejectionReason, names?: Names): void;
  /** Jobs that had a worker since the start, by how they ended: all, or those of a command. */
  outcomes(command?: string): Readonly<Record<OutcomeLabel, number>>;
  /** Requests that did not lead to a run since the start, by reason: all, or those for a command. */
  rejections(command?: string): Readonly<Record<RejectionReason, number>>;
}

/** Where the jobs of one command are reported. */
export interface CommandMetrics {
  /** A worker took a job. `queuedSec` is undefined if another machine measures how long it waited. */
  jobStarted(
    job: { readonly queuedSec: number | undefined; readonly payloadBytes: number },
  ): void;
  /** A job of this machine's client had waited so many seconds when another machine, which reports the rest, began with it. */
  waited(queuedSec: number): void;
  /** A job that had a worker ended; `run` is absent if the command did not run. */
  jobEnded(workerId: number, outcome: OutcomeLabel, run?: RunFigures): void;
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

/** The series of one command in one pool. Its labels are made once, so a job makes none. */
interface CommandSeries extends CommandMetrics {
  readonly rejections: Counts<RejectionReason>;
  /** The counts of a worker, which exist from now on. */
  outcomesOf(workerId: number): Counts<OutcomeLabel>;
}

/** Creates the instruments. They have only the rejections without a command until a command is announced. */
export function createJobMetrics(exposition: Exposition): JobMetrics {
  const jobs = createCounter(exposition, catalogue.jobs, "outcome", outcomeLabels);
  const queueWaits = exposition.histogram(catalogue.queueWait);
  const durations = exposition.histogram(catalogue.duration);
  const payloads = exposition.histogram(catalogue.payload);
  const results = exposition.histogram(catalogue.result);
  const outputs = createCounter(exposition, catalogue.truncated, "output", captureNames);
  const rejected = createCounter(exposition, catalogue.rejected, "reason", rejectionReasons);
  const withoutCommand = rejected.add({});
  const known = new Map<string | undefined, Map<string | undefined, CommandSeries>>();

  function create(names: Names | undefined): CommandSeries {
    const labels: Labels = names ? { command: names.command, pool: names.pool } : {};
    const recordQueueWait = queueWaits.add(labels);
    const recordDuration = durations.add(labels);
    const recordPayload = payloads.add(labels);
    const recordResult = results.add(labels);
    const truncated = outputs.add(labels);
    const workers: Counts<OutcomeLabel>[] = [];
    const outcomesOf = (workerId: number) =>
      workers[workerId - 1] ??= jobs.add({ ...labels, worker_id: String(workerId) });
    return {
      rejections: names ? rejected.add(labels) : withoutCommand,
      outcomesOf,
      jobStarted({ queuedSec, payloadBytes }) {
        if (queuedSec !== undefined) recordQueueWait(queuedSec);
        recordPayload(payloadBytes);
      },
      waited: recordQueueWait,
      jobEnded(workerId, outcome, run) {
        outcomesOf(workerId)[outcome]++;
        if (!run) return;
        recordDuration(run.elapsedSec);
        recordResult(run.resultBytes);
        for (const output of run.truncated) truncated[output]++;
      },
    };
  }

  function of(names: Names | undefined): CommandSeries {
    let pools = known.get(names?.command);
    if (!pools) known.set(names?.command, pools = new Map());
    let series = pools.get(names?.pool);
    if (!series) pools.set(names?.pool, series = create(names));
    return series;
  }

  return {
    announce({ names, numWorkers }) {
      const { outcomesOf } = of(names);
      for (let workerId = 1; workerId <= numWorkers; workerId++) outcomesOf(workerId);
    },
    of,
    rejected(reason, names) {
      const counts = names ? of(names).rejections : withoutCommand;
      counts[reason]++;
    },
    outcomes: jobs.sums,
    rejections: rejected.sums,
  };
}
