/**
 * The problems of requests for jobs, by what each step before the answer reports.
 *
 * @module
 */

import type { JobOutcome, RunFailure } from "../../jobs/job.ts";
import type { Refusal } from "../../jobs/line.ts";
import { DiskFullError } from "../../spool/inbox.ts";
import type { JobPath } from "../../wire/resources.ts";
import type { Problem } from "../answer/problem.ts";
import {
  type BodyLimits,
  type BodyRefusal,
  leastBytesPerSec,
  maxChunkedBytes,
} from "../body/reading.ts";
import type { CommandDoor } from "../door.ts";
import type { NotStored } from "../body/passing.ts";

/** There is no command with the name in the path or, if the path has none, no default; `names` are those that there are. */
export function noCommandProblem(
  path: JobPath,
  name: string | undefined,
  names: readonly string[],
): Problem {
  return name === undefined
    ? { kind: "no_default_command", path, names }
    : { kind: "unknown_command", name, names };
}

/** There are as many listeners of live answers as there may be. */
export function listenersFull(command: CommandDoor): Problem {
  return { kind: "too_many_listeners", retryAfterSec: command.retryAfterSec() };
}

/** The queue gave no place. */
export function placeProblem({ cause, waiting, retryAfterSec }: Refusal): Problem {
  switch (cause) {
    case "draining":
      return { kind: "draining", retryAfterSec };
    case "client_limit":
      return { kind: "client_limit", retryAfterSec };
    case "queue_full":
      return { kind: "queue_full", waiting, retryAfterSec };
    case "uploads_full":
      return { kind: "uploads_full", retryAfterSec };
    case "queue_unavailable":
      return { kind: "queue_unavailable", retryAfterSec };
  }
}

/** The run could not take place, or has no result. */
export function runProblem(kind: RunFailure["kind"], command: CommandDoor): Problem {
  switch (kind) {
    case "spool_unusable":
    case "internal":
    case "node_lost":
      return { kind };
    case "spawn_refused":
      return { kind, retryAfterSec: command.retryAfterSec() };
  }
}

/** The body could not be stored: what its refusal says, under these limits. */
export function storingProblem(
  refused: NotStored,
  limits: BodyLimits,
  command: CommandDoor,
): Problem {
  switch (refused.refusal) {
    case "spool_full":
      return { kind: "spool_full", retryAfterSec: command.retryAfterSec() };
    case "disk_full":
    case "digest_mismatch":
      return { kind: refused.refusal };
    case "spool_unusable":
      return { kind: "spool_unusable", reason: refused.reason };
    case "bad_multipart":
    case "too_many_parts":
      return { kind: refused.refusal, sentence: refused.sentence };
    default:
      return bodyProblem(refused.refusal, limits, command);
  }
}

/** A folder or file for a body could not be made. */
export function spoolProblem(error: unknown): Problem {
  return error instanceof DiskFullError
    ? { kind: "disk_full" }
    : { kind: "spool_unusable", reason: String(error) };
}

/** The job left the queue and did not run. */
export function leftProblem(
  { cause, queuedSec, retryAfterSec, waiting = 0 }: Extract<JobOutcome, { readonly kind: "left" }>,
): Problem {
  switch (cause) {
    case "queue_timeout":
      return { kind: "queue_timeout", queuedSec, retryAfterSec };
    case "shutdown":
      return { kind: "draining", queuedSec, retryAfterSec };
    case "queue_full":
      return { kind: "queue_full", waiting, retryAfterSec };
    case "queue_unavailable":
      return { kind: "queue_unavailable", queuedSec, retryAfterSec };
    case "canceled":
      // The client does not receive this; it is for the log.
      return { kind: "client_gone", queuedSec };
  }
}

/** The body was refused, under these limits. */
export function bodyProblem(
  refusal: BodyRefusal,
  limits: BodyLimits,
  command: CommandDoor,
): Problem {
  switch (refusal) {
    case "too_large":
      return { kind: "too_large", maxBytes: limits.maxBytes };
    case "length_required":
      return { kind: "length_required", maxBytes: maxChunkedBytes };
    case "unsupported_encoding":
      return { kind: "unsupported_encoding" };
    case "request_timeout":
      return { kind: "request_timeout", seconds: limits.periods.ms / 1000, leastBytesPerSec };
    case "buffers_full":
      return { kind: "buffers_full", retryAfterSec: command.retryAfterSec() };
    case "draining":
      return { kind: "draining", retryAfterSec: command.retryAfterSec() };
    case "body_unreadable":
      return { kind: "body_unreadable" };
    case "client_gone":
      return { kind: "client_gone" };
  }
}
