/**
 * Ends a run on another machine.
 *
 * @module
 */

import { encodeCancel } from "./codec.ts";
import type { FrontJob } from "./front_job.ts";
import type { Group } from "./group.ts";
import type { Cancel } from "./messages.ts";

/** Timeout of the question, in milliseconds. */
const questionMs = 1000;

/** Tells the machine that may run the job to end it, if there is one. Whether it does is not known. */
export function cancelRun(
  { link, subjects }: Group,
  { grants: { holder }, spec: { uid } }: FrontJob,
  cause: Cancel["cause"],
): void {
  if (holder === undefined) return;
  const subject = subjects.executor(holder, "cancel");
  link.request(subject, encodeCancel({ uid, cause }), questionMs).catch(() => {});
}
