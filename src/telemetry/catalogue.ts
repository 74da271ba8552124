/**
 * The catalogue of metrics: names, types, units, closed label sets, meanings. `docs/metrics.md` describes them to users, and
 * a test compares the two.
 *
 * @module
 */

import { outcomeLabels } from "../jobs/job.ts";
import { methods, routes } from "../wire/resources.ts";

/** Why a request for a job came to no run. */
export const rejectionReasons = [
  "queue_full",
  "queue_timeout",
  "buffers_full",
  "canceled",
  "draining",
  "unauthorized",
  "cross_site",
  "unknown_host",
  "too_large",
  "invalid",
  "timeout",
] as const;

/** One of them. */
export type RejectionReason = typeof rejectionReasons[number];

/** The outputs of a job that can be truncated: stdout, stderr, the response file. */
export const captureNames = ["stdout", "stderr", "data"] as const;

/** One of them. */
export type CaptureName = typeof captureNames[number];

/** What bytes are held for: bodies being read or waiting, output of running commands, answers not sent yet. */
export const bufferShares = ["bodies", "captures", "answers"] as const;

/** One of them. */
export type BufferShare = typeof bufferShares[number];

/** One row of the catalogue. */
export interface MetricRow {
  /** Name in Prometheus, with the unit. */
  readonly name: string;
  /** Type in Prometheus. */
  readonly type: "counter" | "gauge" | "histogram";
  /** Base unit (Prometheus, "Metric and label naming"); empty for a count. */
  readonly unit: "" | "seconds" | "bytes";
  /** Labels, each with its closed set of values, or with a description of a set that depends on the machine. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
  /** One sentence. */
  readonly help: string;
  /** Upper bounds of a histogram. */
  readonly buckets?: readonly number[];
}

/** From a millisecond to an hour, in seconds. */
const durations = [
  ...[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  ...[30, 60, 120, 300, 600, 1800, 3600],
];

/** From nothing to a gibibyte, in steps of four. */
const sizes = [0, ...Array.from({ length: 14 }, (_, step) => 16 * 4 ** step)];

/** Values of the method label; a method that the server does not know is `_OTHER` (OpenTelemetry HTTP conventions). */
export const methodLabels = [...methods, "_OTHER"] as const;

/** The whole catalogue. */
export const catalogue = {
  jobs: {
    name: "jobrunner_jobs_total",
    type: "counter",
    unit: "",
    labels: { worker_id: ["1 to N"], outcome: outcomeLabels },
    help: "Jobs that had a worker, by worker and by how they ended.",
  },
  queueWait: {
    name: "jobrunner_job_queue_wait_seconds",
    type: "histogram",
    unit: "seconds",
    labels: {},
    help: "How long jobs that got a worker had waited for it.",
    buckets: durations,
  },
  duration: {
    name: "jobrunner_job_duration_seconds",
    type: "histogram",
    unit: "seconds",
    labels: {},
    help: "How long the command of a job ran.",
    buckets: durations,
  },
  payload: {
    name: "jobrunner_job_payload_bytes",
    type: "histogram",
    unit: "bytes",
    labels: {},
    help: "Size of the payload of jobs that got a worker, decoded.",
    buckets: sizes,
  },
  result: {
    name: "jobrunner_job_result_bytes",
    type: "histogram",
    unit: "bytes",
    labels: {},
    help:
      "Size of stdout, stderr and response file of a job together, as far as kept, before base64.",
    buckets: sizes,
  },
  truncated: {
    name: "jobrunner_outputs_truncated_total",
    type: "counter",
    unit: "",
    labels: { output: captureNames },
    help: "Outputs cut at JOBRUNNER_MAX_OUTPUT_BYTES, or for lack of memory.",
  },
  answersGivenUp: {
    name: "jobrunner_answers_given_up_total",
    type: "counter",
    unit: "",
    labels: {},
    help: "Answers broken off because their clients did not take them.",
  },
  processesEnded: {
    name: "jobrunner_processes_ended_total",
    type: "counter",
    unit: "",
    labels: {},
    help: "Processes of jobs that jobrunner ended: timeouts, gone clients, held pipes, stops.",
  },
  rejected: {
    name: "jobrunner_requests_rejected_total",
    type: "counter",
    unit: "",
    labels: { reason: rejectionReasons },
    help: "Requests for a job that came to no run, by reason.",
  },
  queued: {
    name: "jobrunner_queued_jobs",
    type: "gauge",
    unit: "",
    labels: {},
    help: "Jobs waiting for a worker.",
  },
  oldestWait: {
    name: "jobrunner_queue_oldest_wait_seconds",
    type: "gauge",
    unit: "seconds",
    labels: {},
    help: "How long the job at the head of the line has waited; 0 when nobody waits.",
  },
  queueLimit: {
    name: "jobrunner_queue_limit",
    type: "gauge",
    unit: "",
    labels: {},
    help: "Jobs that may wait.",
  },
  workers: {
    name: "jobrunner_workers",
    type: "gauge",
    unit: "",
    labels: {},
    help: "Workers.",
  },
  workersBusy: {
    name: "jobrunner_workers_busy",
    type: "gauge",
    unit: "",
    labels: {},
    help: "Workers that hold a job.",
  },
  buffered: {
    name: "jobrunner_buffered_bytes",
    type: "gauge",
    unit: "bytes",
    labels: { share: bufferShares },
    help:
      "Bytes held in memory for requests: bodies being read or waiting, captures of commands that run, answers not taken yet.",
  },
  buildInfo: {
    name: "jobrunner_build_info",
    type: "gauge",
    unit: "",
    labels: { version: ["of jobrunner"], deno_version: ["of its runtime"] },
    help: "Always 1; its labels tell what is running.",
  },
  httpDuration: {
    name: "http_server_request_duration_seconds",
    type: "histogram",
    unit: "seconds",
    labels: {
      http_request_method: methodLabels,
      url_scheme: ["http", "https"],
      http_route: routes,
      http_response_status_code: ["of the answer"],
    },
    help:
      "From the head of a request to the hand-over of its answer, whatever waited and ran between.",
    buckets: durations,
  },
  httpActive: {
    name: "http_server_active_requests",
    type: "gauge",
    unit: "",
    labels: { http_request_method: methodLabels, url_scheme: ["http", "https"] },
    help: "Requests that have no answer yet.",
  },
  processCpu: {
    name: "process_cpu_seconds_total",
    type: "counter",
    unit: "seconds",
    labels: {},
    help: "CPU time of the server's own process, user and system; commands are not in it.",
  },
  processResident: {
    name: "process_resident_memory_bytes",
    type: "gauge",
    unit: "bytes",
    labels: {},
    help: "Resident memory of the server's own process.",
  },
  processVirtual: {
    name: "process_virtual_memory_bytes",
    type: "gauge",
    unit: "bytes",
    labels: {},
    help: "Virtual memory of the server's own process; Linux only.",
  },
  processOpenFds: {
    name: "process_open_fds",
    type: "gauge",
    unit: "",
    labels: {},
    help: "Open file descriptors; Linux only.",
  },
  processMaxFds: {
    name: "process_max_fds",
    type: "gauge",
    unit: "",
    labels: {},
    help: "The most file descriptors that may be open; Linux only.",
  },
  processThreads: {
    name: "process_threads",
    type: "gauge",
    unit: "",
    labels: {},
    help: "Threads of the server's own process; Linux only.",
  },
  processStart: {
    name: "process_start_time_seconds",
    type: "gauge",
    unit: "seconds",
    labels: {},
    help: "When the process started, in Unix seconds.",
  },
} as const satisfies Readonly<Record<string, MetricRow>>;
