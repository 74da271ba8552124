/**
 * The catalogue of metrics: names, types, units, closed label sets, meanings, examples. `docs/reference/metrics.md` is
 * generated from it.
 *
 * @module
 */

import { type Names, outcomeLabels } from "../jobs/job.ts";
import { warmEndReasons, warmStartReasons } from "../jobs/warm.ts";
import { methods, routes } from "../wire/resources.ts";

/** The closed set of reasons why a request for a job never ran, each with its meaning in Markdown. */
export const rejections = {
  queue_full: "`JOBRUNNER_QUEUE_LIMIT` jobs were waiting.",
  client_limit: "As many jobs of the token were waiting as its `max_waiting` allows.",
  uploads_full: "Bodies that were still arriving held half of the places in the queue.",
  spool_full: "There was no room for the body in `JOBRUNNER_MAX_SPOOL_BYTES`.",
  disk_full: "The disk that holds the spool was full.",
  too_many_listeners: "As many clients as there may be received live output.",
  queue_timeout: "The job waited longer than `JOBRUNNER_QUEUE_TIMEOUT_SEC`.",
  queue_unavailable: "The queue that several machines share could not be reached.",
  buffers_full: "There was no room for the body in `JOBRUNNER_MAX_BUFFERED_BYTES`, or no memory.",
  canceled:
    "The client disconnected while it sent the request or while the job waited: error `client_gone`.",
  draining: "The server was stopping.",
  unauthorized: "The password or the token was wrong or missing, or the token had expired.",
  forbidden: "The token did not allow the request: error `forbidden` or `command_forbidden`.",
  cross_site: "A web page of another origin sent the request.",
  unknown_host:
    "There was neither a password nor a token, and the Host header had a name that is not the server's.",
  too_large: "The body was larger than allowed: error `too_large` or `too_many_parts`.",
  invalid:
    "The request was malformed: error `invalid`, `body_unreadable`, `bad_multipart`, `digest_mismatch`, `not_acceptable`, `length_required` or `unsupported_encoding`.",
  timeout: "The body arrived too slowly: error `request_timeout`.",
} as const satisfies Readonly<Record<string, string>>;

/** Why a request for a job never ran. */
export type RejectionReason = keyof typeof rejections;

/** All reasons why a request for a job never ran, in the order of the table. */
export const rejectionReasons: readonly RejectionReason[] = Object.keys(
  rejections,
) as RejectionReason[];

/** The outputs of a job that can be truncated: stdout, stderr, the response file. */
export const captureNames = ["stdout", "stderr", "data"] as const;

/** Name of an output that can be truncated. */
export type CaptureName = typeof captureNames[number];

/** How jobs of warm commands begin: in a process that was there before the job, or in one that was started for it. */
export const jobStarts = ["warm", "cold"] as const;

/** What bytes are held for: bodies being read or waiting, output of running commands, answers not sent yet. */
export const bufferShares = ["bodies", "captures", "answers"] as const;

/** What some of the held bytes are held for. */
export type BufferShare = typeof bufferShares[number];

/** The states of the machines that share their queues; `lost`: it has fallen silent, in the last minute. */
export const nodeStates = ["up", "draining", "lost"] as const;

/** State of a machine that shares its queues. */
export type NodeStateLabel = typeof nodeStates[number];

/** What becomes of a question whether a job may be run; `lost`: its machine is dead, and no other may run it. */
export const claimAnswers = ["run", "held", "gone", "lost"] as const;

/** What becomes of a question whether a job may be run. */
export type ClaimAnswerLabel = typeof claimAnswers[number];

/** The steps between machines whose time is measured. */
export const clusterHops = ["publish", "claim", "result"] as const;

/** A step between machines. */
export type ClusterHop = typeof clusterHops[number];

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
  /** Labels that its series have, before the others, only with a configuration file; the file lists their values. */
  readonly named?: readonly (keyof Names)[];
  /** One sentence. */
  readonly help: string;
  /** A PromQL query that makes use of it. */
  readonly example: string;
  /** Upper bounds of a histogram. */
  readonly buckets?: readonly number[];
}

/** From a millisecond to an hour, in seconds. */
const durations = [
  ...[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  ...[30, 60, 120, 300, 600, 1800, 3600],
];

/** From a quarter of a millisecond to a minute, in seconds: so long a result is kept for its machine. */
const hopDurations = [
  ...[0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5],
  ...[1, 2.5, 5, 10, 30, 60],
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
    named: ["command", "pool"],
    help: "Jobs that got a worker, by worker and by outcome.",
    example: "sum by (outcome) (rate(jobrunner_jobs_total[5m]))",
  },
  queueWait: {
    name: "jobrunner_job_queue_wait_seconds",
    type: "histogram",
    unit: "seconds",
    labels: {},
    named: ["command", "pool"],
    help: "How long jobs that got a worker had waited in the queue.",
    example:
      "histogram_quantile(0.95, sum by (le) (rate(jobrunner_job_queue_wait_seconds_bucket[5m])))",
    buckets: durations,
  },
  duration: {
    name: "jobrunner_job_duration_seconds",
    type: "histogram",
    unit: "seconds",
    labels: {},
    named: ["command", "pool"],
    help: "How long the command of a job ran.",
    example:
      "histogram_quantile(0.95, sum by (le) (rate(jobrunner_job_duration_seconds_bucket[5m])))",
    buckets: durations,
  },
  payload: {
    name: "jobrunner_job_payload_bytes",
    type: "histogram",
    unit: "bytes",
    labels: {},
    named: ["command", "pool"],
    help: "Size of the payload of jobs that got a worker, decoded.",
    example:
      "sum(rate(jobrunner_job_payload_bytes_sum[5m])) / sum(rate(jobrunner_job_payload_bytes_count[5m]))",
    buckets: sizes,
  },
  result: {
    name: "jobrunner_job_result_bytes",
    type: "histogram",
    unit: "bytes",
    labels: {},
    named: ["command", "pool"],
    help:
      "Size of stdout, stderr and response file of a job together, as far as kept, before base64.",
    example: "sum(rate(jobrunner_job_result_bytes_sum[5m]))",
    buckets: sizes,
  },
  truncated: {
    name: "jobrunner_outputs_truncated_total",
    type: "counter",
    unit: "",
    labels: { output: captureNames },
    named: ["command", "pool"],
    help:
      "Outputs cut at JOBRUNNER_MAX_OUTPUT_BYTES or JOBRUNNER_MAX_RESULT_BYTES, or for lack of memory or disk space.",
    example: "sum by (output) (increase(jobrunner_outputs_truncated_total[1h]))",
  },
  warmJobs: {
    name: "jobrunner_warm_jobs_total",
    type: "counter",
    unit: "",
    labels: { start: jobStarts },
    named: ["command", "pool"],
    help:
      "Jobs of warm commands that ran: warm if the process was there before the job, otherwise cold.",
    example:
      'sum(rate(jobrunner_warm_jobs_total{start="warm"}[5m])) / sum(rate(jobrunner_warm_jobs_total[5m]))',
  },
  warmProcesses: {
    name: "jobrunner_warm_processes",
    type: "gauge",
    unit: "",
    labels: {},
    named: ["command", "pool"],
    help: "Processes of warm commands that wait for a job or have one.",
    example: "sum(jobrunner_warm_processes)",
  },
  warmStarts: {
    name: "jobrunner_warm_starts_total",
    type: "counter",
    unit: "",
    labels: { why: warmStartReasons },
    named: ["command", "pool"],
    help: "Processes of warm commands that were started, by reason.",
    example: "sum by (why) (rate(jobrunner_warm_starts_total[5m]))",
  },
  warmEnds: {
    name: "jobrunner_warm_ends_total",
    type: "counter",
    unit: "",
    labels: { why: warmEndReasons },
    named: ["command", "pool"],
    help: "Processes of warm commands that ended, by reason.",
    example: "sum by (why) (rate(jobrunner_warm_ends_total[5m]))",
  },
  warmStrayBytes: {
    name: "jobrunner_warm_stray_bytes_total",
    type: "counter",
    unit: "bytes",
    labels: {},
    named: ["command", "pool"],
    help: "Bytes that processes of warm commands wrote between two jobs, and that were dropped.",
    example: "increase(jobrunner_warm_stray_bytes_total[1h])",
  },
  answersGivenUp: {
    name: "jobrunner_answers_given_up_total",
    type: "counter",
    unit: "",
    labels: {},
    help: "Answers broken off because their clients did not read them.",
    example: "increase(jobrunner_answers_given_up_total[1h])",
  },
  processesEnded: {
    name: "jobrunner_processes_ended_total",
    type: "counter",
    unit: "",
    labels: {},
    help:
      "Processes of jobs that jobrunner killed: timeouts, disconnected clients, held pipes, stops.",
    example: "increase(jobrunner_processes_ended_total[1h])",
  },
  rejected: {
    name: "jobrunner_requests_rejected_total",
    type: "counter",
    unit: "",
    labels: { reason: rejectionReasons },
    named: ["command", "pool"],
    help: "Requests for a job that never ran, by reason.",
    example: "sum by (reason) (rate(jobrunner_requests_rejected_total[5m]))",
  },
  queued: {
    name: "jobrunner_queued_jobs",
    type: "gauge",
    unit: "",
    labels: {},
    named: ["pool"],
    help: "Jobs waiting for a worker.",
    example: "jobrunner_queued_jobs / jobrunner_queue_limit",
  },
  oldestWait: {
    name: "jobrunner_queue_oldest_wait_seconds",
    type: "gauge",
    unit: "seconds",
    labels: {},
    named: ["pool"],
    help: "How long the job at the head of the queue has waited; 0 when the queue is empty.",
    example: "max(jobrunner_queue_oldest_wait_seconds)",
  },
  queueLimit: {
    name: "jobrunner_queue_limit",
    type: "gauge",
    unit: "",
    labels: {},
    named: ["pool"],
    help: "Jobs that may wait in the queue.",
    example: "sum(jobrunner_queue_limit)",
  },
  workers: {
    name: "jobrunner_workers",
    type: "gauge",
    unit: "",
    labels: {},
    named: ["pool"],
    help: "Workers.",
    example: "sum(jobrunner_workers)",
  },
  workersBusy: {
    name: "jobrunner_workers_busy",
    type: "gauge",
    unit: "",
    labels: {},
    named: ["pool"],
    help: "Workers that hold a job.",
    example: "jobrunner_workers_busy / jobrunner_workers",
  },
  buffered: {
    name: "jobrunner_buffered_bytes",
    type: "gauge",
    unit: "bytes",
    labels: { share: bufferShares },
    help:
      "Bytes held in memory for requests: bodies being read or waiting, captured outputs of running commands, answers not read yet.",
    example: "sum(jobrunner_buffered_bytes)",
  },
  spooled: {
    name: "jobrunner_spooled_bytes",
    type: "gauge",
    unit: "bytes",
    labels: {},
    help:
      "Bytes held on disk for requests of POST /run and live answers: bodies, large outputs, answers not read yet.",
    example: "jobrunner_spooled_bytes",
  },
  listeners: {
    name: "jobrunner_live_listeners",
    type: "gauge",
    unit: "",
    labels: {},
    help: "Clients that get the events of their jobs.",
    example: "jobrunner_live_listeners",
  },
  clusterConnected: {
    name: "jobrunner_cluster_connected",
    type: "gauge",
    unit: "",
    labels: {},
    help: "1 if there is a connection to NATS, otherwise 0.",
    example: "min(jobrunner_cluster_connected)",
  },
  clusterNodes: {
    name: "jobrunner_cluster_nodes",
    type: "gauge",
    unit: "",
    labels: { state: nodeStates },
    help:
      "Machines of the group as this one sees them, itself included; lost: fell silent in the last minute.",
    example: "max by (state) (jobrunner_cluster_nodes)",
  },
  clusterDiffering: {
    name: "jobrunner_cluster_differing_commands",
    type: "gauge",
    unit: "",
    labels: {},
    help: "Commands of this machine that have another text on another machine of the group.",
    example: "max(jobrunner_cluster_differing_commands)",
  },
  clusterQueueLimit: {
    name: "jobrunner_cluster_queue_limit",
    type: "gauge",
    unit: "",
    labels: {},
    named: ["pool"],
    help:
      "Unfinished jobs that all machines of the group together may have: their workers and their places.",
    example: "max(jobrunner_cluster_queue_limit)",
  },
  clusterQueueMessages: {
    name: "jobrunner_cluster_queue_messages",
    type: "gauge",
    unit: "",
    labels: {},
    named: ["pool"],
    help:
      "Unfinished jobs of all machines of the group together, waiting and running, as NATS last reported them.",
    example: "max(jobrunner_cluster_queue_messages) / max(jobrunner_cluster_queue_limit)",
  },
  clusterHeldResults: {
    name: "jobrunner_cluster_held_results",
    type: "gauge",
    unit: "",
    labels: {},
    named: ["pool"],
    help: "Results of runs on this machine that the machines with the clients have not taken yet.",
    example: "sum(jobrunner_cluster_held_results)",
  },
  clusterReconnects: {
    name: "jobrunner_cluster_reconnects_total",
    type: "counter",
    unit: "",
    labels: {},
    help: "Connections to NATS that were made again after one was lost.",
    example: "increase(jobrunner_cluster_reconnects_total[1h])",
  },
  clusterRedeliveries: {
    name: "jobrunner_cluster_redeliveries_total",
    type: "counter",
    unit: "",
    labels: {},
    named: ["pool"],
    help: "Jobs offered to this machine that had been offered before, to it or to another one.",
    example: "sum(rate(jobrunner_cluster_redeliveries_total[5m]))",
  },
  clusterRepublished: {
    name: "jobrunner_cluster_republished_total",
    type: "counter",
    unit: "",
    labels: {},
    named: ["pool"],
    help: "Jobs of this machine's clients put into the queue again, because NATS had lost them.",
    example: "sum(increase(jobrunner_cluster_republished_total[1h]))",
  },
  clusterUnclaimed: {
    name: "jobrunner_cluster_results_unclaimed_total",
    type: "counter",
    unit: "",
    labels: {},
    named: ["pool"],
    help: "Results of runs on this machine that no machine wanted, or that could not be delivered.",
    example: "sum(increase(jobrunner_cluster_results_unclaimed_total[1h]))",
  },
  clusterClaims: {
    name: "jobrunner_cluster_claims_total",
    type: "counter",
    unit: "",
    labels: { answer: claimAnswers },
    named: ["pool"],
    help:
      "Decisions of this machine whether a machine, itself included, may run a job of its clients.",
    example: "sum by (answer) (rate(jobrunner_cluster_claims_total[5m]))",
  },
  clusterHops: {
    name: "jobrunner_cluster_hop_duration_seconds",
    type: "histogram",
    unit: "seconds",
    labels: { hop: clusterHops },
    help: "How long a step between machines took.",
    example:
      "histogram_quantile(0.95, sum by (hop, le) (rate(jobrunner_cluster_hop_duration_seconds_bucket[5m])))",
    buckets: hopDurations,
  },
  configReloaded: {
    name: "jobrunner_config_last_reload_successful",
    type: "gauge",
    unit: "",
    labels: {},
    help:
      "1 if the configuration was valid when it was last read, otherwise 0; absent without a configuration file and a tokens file.",
    example: "min(jobrunner_config_last_reload_successful)",
  },
  buildInfo: {
    name: "jobrunner_build_info",
    type: "gauge",
    unit: "",
    labels: { version: ["of jobrunner"], deno_version: ["of its runtime"] },
    help: "Always 1; its labels name the running version.",
    example: "count by (version) (jobrunner_build_info)",
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
      "From the arrival of a request's head to the hand-over of its answer, waiting and run included.",
    example:
      'sum by (http_response_status_code) (rate(http_server_request_duration_seconds_count{http_route=~"/payload.*"}[5m]))',
    buckets: durations,
  },
  httpActive: {
    name: "http_server_active_requests",
    type: "gauge",
    unit: "",
    labels: { http_request_method: methodLabels, url_scheme: ["http", "https"] },
    help: "Requests that have no answer yet.",
    example: "sum(http_server_active_requests)",
  },
  processCpu: {
    name: "process_cpu_seconds_total",
    type: "counter",
    unit: "seconds",
    labels: {},
    help: "CPU time of the server's own process, user and system, without its commands.",
    example: "rate(process_cpu_seconds_total[5m])",
  },
  processResident: {
    name: "process_resident_memory_bytes",
    type: "gauge",
    unit: "bytes",
    labels: {},
    help: "Resident memory of the server's own process.",
    example: "process_resident_memory_bytes",
  },
  processVirtual: {
    name: "process_virtual_memory_bytes",
    type: "gauge",
    unit: "bytes",
    labels: {},
    help: "Virtual memory of the server's own process; Linux only.",
    example: "process_virtual_memory_bytes",
  },
  processOpenFds: {
    name: "process_open_fds",
    type: "gauge",
    unit: "",
    labels: {},
    help: "Open file descriptors; Linux only.",
    example: "process_open_fds / process_max_fds",
  },
  processMaxFds: {
    name: "process_max_fds",
    type: "gauge",
    unit: "",
    labels: {},
    help: "Limit of open file descriptors; Linux only.",
    example: "process_max_fds",
  },
  processThreads: {
    name: "process_threads",
    type: "gauge",
    unit: "",
    labels: {},
    help: "Threads of the server's own process; Linux only.",
    example: "process_threads",
  },
  processStart: {
    name: "process_start_time_seconds",
    type: "gauge",
    unit: "seconds",
    labels: {},
    help: "When the process started, in Unix seconds.",
    example: "time() - process_start_time_seconds",
  },
} as const satisfies Readonly<Record<string, MetricRow>>;
