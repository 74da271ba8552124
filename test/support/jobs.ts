/**
 * Jobs for tests that need some.
 *
 * @module
 */

import { type JobOutcome, type JobResult, type JobSpec, newJobUid } from "../../src/jobs/job.ts";

/** A job with a payload of one byte; `more` says what is different. */
export function specOf(id: string, more: Partial<JobSpec> = {}): JobSpec {
  return {
    uid: newJobUid(),
    id,
    requestId: `request-of-${id.replaceAll(/\W/g, "-")}`,
    command: "default",
    version: 1,
    onDisconnect: "cancel",
    input: { kind: "bytes", bytes: new Uint8Array([1]) },
    keep: "memory",
    ...more,
  };
}

const nothing = { bytes: new Uint8Array(), truncated: false };

/** A result whose output is the payload. */
export function resultOf({ id, input }: JobSpec): JobResult {
  return {
    id,
    workerId: 1,
    queuedSec: 0,
    elapsedSec: 0.5,
    ending: { kind: "exited", exitStatus: 0 },
    output: { bytes: input.kind === "bytes" ? input.bytes : new Uint8Array(), truncated: false },
    error: nothing,
    data: nothing,
  };
}

/** The outcome of a job that ran. */
export function ranOf(spec: JobSpec): JobOutcome {
  return { kind: "ran", result: resultOf(spec) };
}
