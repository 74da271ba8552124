/**
 * One run, with its metrics, span and log line.
 *
 * @module
 */

import { type Captures, createCaptures } from "../exec/capture.ts";
import { run, type RunOutcome, type RunSettings } from "../exec/run.ts";
import { createStoredCaptures, noCaptures } from "../exec/stored_capture.ts";
import {
  type Captured,
  capturedLength,
  inputLength,
  type JobOutcome,
  type JobResult,
  type JobSpec,
  type Names,
  outcomeLabel,
} from "../jobs/job.ts";
import type { RunningJob } from "../jobs/pool.ts";
import { createOutputFile } from "../spool/stored.ts";
import type { CaptureName } from "../telemetry/catalogue.ts";
import { idsOf } from "../telemetry/ids.ts";
import { type Fields, type Log, stackOf } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Recent } from "../telemetry/recent.ts";
import type { RunBegin, RunTrace, Tracing } from "../telemetry/trace.ts";
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
  { log, metrics: allMetrics, tracing, recent }: Listeners,
  { names, program }: RunIdentity,
): Promise<JobOutcome> {
  const { spec, handle, queuedSec, stop } = job;
  const payloadBytes = inputLength(spec.input);
  const metrics = allMetrics.of(names);
  const about = { ...idsOf(spec), id: spec.id, worker_id: workerId, ...fieldsOf(names) };
  metrics.jobStarted({ queuedSec, payloadBytes });
  recent.queuedSec.add(queuedSec);
  const span = beginRun(tracing, spec, { workerId, names, program, queuedSec });
  const captures = capturesOf(job, settings);
  let outcome: RunOutcome;
  try {
    outcome = await run(
      { spec, handle, stop, workerId, variables: span?.variables ?? {} },
      settings,
      (event) => {
        if (event.kind === "stdout" || event.kind === "stderr") {
          handle?.onOutput?.(event.kind, event.bytes);
          return captures.onEvent(event);
        }
        if (event.kind !== "started") return;
        const { pid } = event;
        job.pid = pid;
        handle?.onStarted?.({ id: workerId, pid });
        log.write("job started", { ...about, "process.pid": pid, payload_bytes: payloadBytes });
      },
    );
  } catch (bug) {
    captures.close();
    metrics.jobEnded(workerId, "not_started");
    span?.end({ outcome: "not_started", reason: "a bug" });
    throw bug;
  }
  if (!outcome.ok) {
    const { reason } = outcome.failure;
    captures.close();
    metrics.jobEnded(workerId, "not_started");
    span?.end({ outcome: "not_started", reason });
    log.write("job could not be run", { ...about, reason });
    return { kind: "failed", failure: outcome.failure };
  }
  const { ok: _, ...ran } = outcome;
  const result: JobResult = {
    ...ran,
    ...(names ? { names } : {}),
    id: spec.id,
    workerId,
    queuedSec,
    output: captures.output(),
    error: ran.ending.kind === "not_started" ? stderrFor(ran.ending.reason) : captures.error(),
  };
  const { output, error, data, ending, elapsedSec, pid } = result;
  const label = outcomeLabel(ending);
  metrics.jobEnded(workerId, label, {
    elapsedSec,
    resultBytes: capturedLength(output) + capturedLength(error) + capturedLength(data),
    truncated: truncatedOf(result),
  });
  if (ran.warm !== undefined) allMetrics.warmOf(names).jobEnded(ran.warm);
  recent.elapsedSec.add(elapsedSec);
  span?.end({ outcome: label, exitStatus: ending.exitStatus, pid });
  log.write("job ended", {
    ...about,
    outcome: label,
    exit_status: ending.exitStatus,
    signal: "signal" in ending ? ending.signal : undefined,
    "process.pid": pid,
    queued_sec: toMicroseconds(queuedSec),
    elapsed_sec: toMicroseconds(elapsedSec),
    payload_bytes: payloadBytes,
    output_bytes: capturedLength(output),
    error_bytes: capturedLength(error),
    data_bytes: capturedLength(data),
    truncated: truncatedOf(result).join(",") || undefined,
    ...(ran.warm === undefined ? {} : { warm: ran.warm, "process.jobs": ran.processJobs }),
    note: result.message,
  });
  return { kind: "ran", result };
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
  { spec }: RunningJob,
  log: Log,
  names: Names | undefined,
): void {
  log.write("uncaught error in a worker", {
    ...idsOf(spec),
    ...fieldsOf(names),
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
  { traceparent, tracestate }: JobSpec,
  run: RunBegin,
): RunTrace | undefined {
  if (traceparent === undefined) return undefined;
  const context = { traceparent, ...(tracestate === undefined ? {} : { tracestate }) };
  return tracing.beginRun(context, run);
}

/** What stands in for stderr if a command could not start: the reason, as if the command had written it. */
function stderrFor(reason: string): Captured {
  return { bytes: new TextEncoder().encode(`jobrunner: ${reason}\n`), truncated: false };
}

function truncatedOf({ output, error, data }: JobResult): CaptureName[] {
  const captures = [["stdout", output], ["stderr", error], ["data", data]] as const;
  return captures.filter(([, captured]) => captured.truncated).map(([name]) => name);
}
