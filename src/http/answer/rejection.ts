/**
 * Which problems are rejections of jobs in the metrics.
 *
 * @module
 */

import type { RejectionReason } from "../../telemetry/catalogue.ts";
import { isFailedRun } from "./failed_run.ts";
import type { Problem } from "./problem.ts";

/** The reason under which a request with this problem is counted; undefined if the problem is not a rejection of a job. */
export function rejectionOf(problem: Problem): RejectionReason | undefined {
  if (isFailedRun(problem)) return undefined;
  switch (problem.kind) {
    case "queue_full":
    case "client_limit":
    case "uploads_full":
    case "spool_full":
    case "disk_full":
    case "too_many_listeners":
    case "queue_timeout":
    case "queue_unavailable":
    case "buffers_full":
    case "draining":
    case "unauthorized":
    case "forbidden":
    case "cross_site":
    case "unknown_host":
    case "too_large":
    case "invalid":
      return problem.kind;
    case "body_unreadable":
    case "length_required":
    case "unsupported_encoding":
    case "not_acceptable":
    case "bad_multipart":
    case "digest_mismatch":
      return "invalid";
    case "too_many_parts":
      return "too_large";
    case "request_timeout":
      return "timeout";
    case "client_gone":
      return "canceled";
    case "command_forbidden":
      return "forbidden";
    case "not_found":
    case "unknown_command":
    case "no_default_command":
    case "method_not_allowed":
    case "spool_unusable":
    case "spawn_refused":
    case "node_lost":
    case "internal":
      return undefined;
  }
}
