/**
 * One run with everything that is told of it: counters, spans, its line in the log.
 *
 * @module
 */

import type { RunningJob } from "../jobs/dispatch.ts";
import { run, type RunOutcome, type RunSettings } from "../exec/run.ts";
import { type JobOutcome, type JobRequest, outcomeLabel, type RunResult } from "../jobs/job.ts";
import type { CaptureName } from "../telemetry/catalogue.ts";
import type { Fields, Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Recent } from "../telemetry/recent.ts";
import { toMicroseconds } from "../wire/wire.ts";

/** Who hears of a run. */
export interface Listeners {
  /** Where lines go. */
  readonly log: Log;
  /** Where numbers go. */
  readonly metrics: Metrics;
  /** Seconds that jobs waited and ran in the last minutes. */
  readonly recent: { readonly queuedSec: Recent; readonly elapsedSec: Recent };
}

/** Runs a job and tells of it. */
export async function runAndTell(
  job: RunningJob,
  workerId: number,
  settings: RunSettings,
  { log, metrics, recent }: Listeners,
): Promise<JobOutcome> {
  const { request, queuedSec, stop } = job;
  const payloadBytes = request.payload.length;
  const about = { ...idsOf(request), id: request.id, worker_id: workerId };
  metrics.jobStarted({ queuedSec, payloadBytes });
  recent.queuedSec.add(queuedSec);
  const span = request.trace?.beginRun(workerId, queuedSec);
  const running = run(request, workerId, settings, {
    stop,
    variables: span?.variables ?? {},
    onStarted(pid) {
      job.pid = pid;
      log.debug("job started", { ...about, "process.pid": pid, payload_bytes: payloadBytes });
    },
  });
  let outcome: RunOutcome;
  try {
    outcome = await running;
  } catch (bug) {
    metrics.jobEnded(workerId, "not_started");
    span?.end({ outcome: "not_started", reason: "a bug" });
    throw bug;
  }
  if (!outcome.ok) {
    const { reason } = outcome.fault;
    metrics.jobEnded(workerId, "not_started");
    span?.end({ outcome: "not_started", reason });
    log.error("job could not be run", { ...about, reason });
    return { kind: "failed", fault: outcome.fault };
  }
  const { result } = outcome;
  const { output, error, data, ending, elapsedSec, pid } = result;
  const label = outcomeLabel(ending);
  metrics.jobEnded(workerId, label, {
    elapsedSec,
    resultBytes: output.bytes.length + error.bytes.length + data.bytes.length,
    truncated: truncatedOf(result),
  });
  recent.elapsedSec.add(elapsedSec);
  span?.end({ outcome: label, exitStatus: ending.exitStatus, pid });
  log.info("job ended", {
    ...about,
    outcome: label,
    exit_status: ending.exitStatus,
    signal: "signal" in ending ? ending.signal : undefined,
    "process.pid": pid,
    queued_sec: toMicroseconds(queuedSec),
    elapsed_sec: toMicroseconds(elapsedSec),
    payload_bytes: payloadBytes,
    output_bytes: output.bytes.length,
    error_bytes: error.bytes.length,
    data_bytes: data.bytes.length,
    truncated: truncatedOf(result).join(",") || undefined,
    note: result.message,
  });
  return { kind: "ran", result: { ...result, id: request.id, workerId, queuedSec } };
}

/** What ties a log line to its request and its trace. */
export function idsOf({ requestId, trace }: Pick<JobRequest, "requestId" | "trace">): Fields {
  return { request_id: requestId, trace_id: trace?.traceId, span_id: trace?.spanId };
}

function truncatedOf({ output, error, data }: RunResult): CaptureName[] {
  const captures = [["stdout", output], ["stderr", error], ["data", data]] as const;
  return captures.filter(([, captured]) => captured.truncated).map(([name]) => name);
}
