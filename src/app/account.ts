/**
 * One run, with its metrics, span and log line.
 *
 * @module
 */

import { type Captures, createCaptures } from "../exec/capture.ts";
import { run, type RunningSpec, type RunOutcome, type RunSettings } from "../exec/run.ts";
import type { RunListener } from "../exec/runner.ts";
import { createStoredCaptures, noCaptures } from "../exec/stored_capture.ts";
import {
  type Captured,
  capturedLength,
  inputLength,
  type JobHandle,
  type JobOutcome,
  type JobResult,
  type JobSpec,
  type Names,
  outcomeLabel,
  type RunFailure,
} from "../jobs/job.ts";
import type { RunningJob } from "../jobs/pool.ts";
import type { Stop } from "../jobs/stop.ts";
import { createOutputFile } from "../spool/stored.ts";
import type { CaptureName } from "../telemetry/catalogue.ts";
import { idsOf, type LinkingIds } from "../telemetry/ids.ts";
import type { CommandMetrics } from "../telemetry/job_metrics.ts";
import { type Fields, type Log, stackOf } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Recent } from "../telemetry/recent.ts";
import type { RunTrace, Tracing } from "../telemetry/trace.ts";
import { toMicroseconds } from "../wire/rounding.ts";

/** Where a run is reported. */
export interface Listeners {
  /** Where log lines go. */
  readonly log: Log;
  /** Where metrics are counted. */
  readonly metrics: Metrics;
  /** Where spans go. */
  readonly tracing: Tracing;
  /** How long jobs waited and ran in the last minutes, in seconds. */
  readonly recent: { readonly queuedSec: Recent; readonly elapsedSec: Recent };
}

/** What a run is reported as. */
export interface RunIdentity {
  /** Its command and pool; undefined without a configuration file. */
  readonly names: Names | undefined;
  /** Path of the command's program. */
  readonly program: string;
}

/** Runs a job and reports it. A bug is reported as well, then thrown. */
export async function runAndReport(
  job: RunningJob,
  workerId: number,
  settings: RunSettings,
  listeners: Listeners,
  identity: RunIdentity,
): Promise<JobOutcome> {
  const reported = new ReportedRun(job, workerId, settings, listeners, identity);
  let outcome: RunOutcome;
  try {
    outcome = await run(reported, settings, reported.onEvent);
  } catch (bug) {
    reported.couldNotRun("a bug");
    throw bug;
  }
  if (outcome.ok) return { kind: "ran", result: reported.ran(outcome) };
  reported.failed(outcome.failure);
  return { kind: "failed", failure: outcome.failure };
}

const noVariables = {};

/** A run, reported from its beginning to its end. A class, because there is one for every job. */
class ReportedRun implements RunningSpec {
  readonly spec: JobSpec;
  readonly handle: JobHandle | undefined;
  readonly stop: Stop;
  readonly workerId: number;
  readonly variables: Readonly<Record<string, string>>;
  readonly #job: RunningJob;
  readonly #listeners: Listeners;
  readonly #names: Names | undefined;
  readonly #metrics: CommandMetrics;
  readonly #span: RunTrace | undefined;
  readonly #captures: Captures;
  readonly #payloadBytes: number;
  readonly #ids: LinkingIds;

  /** Reports the beginning. */
  constructor(
    job: RunningJob,
    workerId: number,
    settings: RunSettings,
    listeners: Listeners,
    identity: RunIdentity,
  ) {
    const { spec } = job;
    const { names } = identity;
    const queuedSec = measuredWaitOf(job);
    this.spec = spec;
    this.handle = job.handle;
    this.stop = job.stop;
    this.workerId = workerId;
    this.#job = job;
    this.#listeners = listeners;
    this.#names = names;
    this.#metrics = listeners.metrics.of(names);
    this.#payloadBytes = inputLength(spec.input);
    this.#ids = idsOf(spec);
    this.#metrics.jobStarted({ queuedSec, payloadBytes: this.#payloadBytes });
    if (queuedSec !== undefined) listeners.recent.queuedSec.add(queuedSec);
    this.#span = beginRun(listeners.tracing, job, workerId, identity);
    this.variables = this.#span?.variables ?? noVariables;
    this.#captures = capturesOf(job, settings);
  }

  readonly onEvent: RunListener = (event) => {
    if (event.kind === "stdout" || event.kind === "stderr") {
      this.handle?.onOutput?.(event.kind, event.bytes);
      return this.#captures.onEvent(event);
    }
    if (event.kind === "started") this.#started(event.pid);
  };

  #started(pid: number): void {
    this.#job.pid = pid;
    this.handle?.onStarted?.({ id: this.workerId, pid });
    const payload_bytes = this.#payloadBytes;
    this.#listeners.log.write("job started", {
      ...this.#about(),
      "process.pid": pid,
      payload_bytes,
    });
  }

  /** Reports the end of a run that took place, and returns its result. */
  ran(
    { ending, elapsedSec, data, pid, warm, processJobs, message }: Extract<
      RunOutcome,
      { ok: true }
    >,
  ): JobResult {
    const { spec, workerId } = this;
    const { queuedSec, from } = this.#job;
    const measured = measuredWaitOf(this.#job);
    const { log, metrics, recent } = this.#listeners;
    const names = this.#names;
    const output = this.#captures.output();
    const error = ending.kind === "not_started" ? stderrFor(ending.reason) : this.#captures.error();
    const outcome = outcomeLabel(ending);
    const outputBytes = capturedLength(output);
    const errorBytes = capturedLength(error);
    const dataBytes = capturedLength(data);
    const truncated = truncatedOf(output, error, data);
    this.#metrics.jobEnded(workerId, outcome, {
      elapsedSec,
      resultBytes: outputBytes + errorBytes + dataBytes,
      truncated,
    });
    if (warm !== undefined) metrics.warmOf(names).jobEnded(warm);
    recent.elapsedSec.add(elapsedSec);
    this.#span?.end({ outcome, exitStatus: ending.exitStatus, pid });
    // Every job writes this line. With all names in one literal it takes a third of the memory that it takes with a spread.
    log.write("job ended", {
      request_id: this.#ids.request_id,
      trace_id: this.#ids.trace_id,
      span_id: this.#ids.span_id,
      id: spec.id,
      worker_id: workerId,
      command: names?.command,
      pool: names?.pool,
      token: spec.token,
      front: from,
      outcome,
      exit_status: ending.exitStatus,
      signal: "signal" in ending ? ending.signal : undefined,
      "process.pid": pid,
      queued_sec: measured === undefined ? undefined : toMicroseconds(measured),
      elapsed_sec: toMicroseconds(elapsedSec),
      payload_bytes: this.#payloadBytes,
      output_bytes: outputBytes,
      error_bytes: errorBytes,
      data_bytes: dataBytes,
      truncated: truncated.join(",") || undefined,
      warm,
      "process.jobs": processJobs,
      note: message,
    });
    return {
      id: spec.id,
      workerId,
      queuedSec,
      ending,
      elapsedSec,
      output,
      error,
      data,
      pid,
      warm,
      processJobs,
      message,
      names,
    };
  }

  /** Reports that it could not take place, and logs why. */
  failed({ reason }: RunFailure): void {
    this.couldNotRun(reason);
    this.#listeners.log.write("job could not be run", { ...this.#about(), reason });
  }

  /** The same without a line of the log. */
  couldNotRun(reason: string): void {
    this.#captures.close();
    this.#metrics.jobEnded(this.workerId, "not_started");
    this.#span?.end({ outcome: "not_started", reason });
  }

  /** The first fields of every line. */
  #about(): Fields {
    const { request_id, trace_id, span_id } = this.#ids;
    return {
      request_id,
      trace_id,
      span_id,
      id: this.spec.id,
      worker_id: this.workerId,
      command: this.#names?.command,
      pool: this.#names?.pool,
      token: this.spec.token,
      front: this.#job.from,
    };
  }
}

/** The captures of a run, where its job wants them kept. */
function capturesOf({ spec, handle }: RunningJob, settings: RunSettings): Captures {
  const { spool, maxOutputBytes, maxResultBytes } = settings;
  const onKept = (bytes: number) => handle?.onCaptured(bytes);
  switch (spec.keep) {
    case "memory":
      return createCaptures(maxOutputBytes, onKept);
    case "disk":
      return createStoredCaptures({
        limit: maxResultBytes,
        disk: handle?.disk,
        createFile: () => createOutputFile(spool),
        onKept,
      });
    case "data":
      return noCaptures;
  }
}

/** Logs an uncaught error in a worker. */
export function reportBug(
  bug: unknown,
  { spec, from }: RunningJob,
  log: Log,
  names: Names | undefined,
): void {
  log.write("uncaught error in a worker", {
    ...idsOf(spec),
    ...fieldsOf(names),
    front: from,
    "exception.stacktrace": stackOf(bug),
  });
}

/** The fields of a log line that name a command and its pool. */
export function fieldsOf(names: Names | undefined): Fields {
  return names ? { command: names.command, pool: names.pool } : {};
}

/** Begins the run's span; undefined if its request belongs to no trace. */
function beginRun(
  tracing: Tracing,
  job: RunningJob,
  workerId: number,
  { names, program }: RunIdentity,
): RunTrace | undefined {
  const { traceparent, tracestate } = job.spec;
  if (traceparent === undefined) return undefined;
  const context = { traceparent, ...(tracestate === undefined ? {} : { tracestate }) };
  return tracing.beginRun(context, { workerId, names, program, queuedSec: measuredWaitOf(job) });
}

/** Seconds that a job waited; undefined if the machine that its client is connected to measures that. */
function measuredWaitOf({ remote, queuedSec }: RunningJob): number | undefined {
  return remote ? undefined : queuedSec;
}

/** What stands in for stderr if a command could not start: the reason, as if the command had written it. */
function stderrFor(reason: string): Captured {
  return { bytes: new TextEncoder().encode(`jobrunner: ${reason}\n`), truncated: false };
}

const noneTruncated: readonly CaptureName[] = [];

function truncatedOf(output: Captured, error: Captured, data: Captured): readonly CaptureName[] {
  if (!output.truncated && !error.truncated && !data.truncated) return noneTruncated;
  const captures = [["stdout", output], ["stderr", error], ["data", data]] as const;
  return captures.filter(([, captured]) => captured.truncated).map(([name]) => name);
}
