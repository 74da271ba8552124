/**
 * `POST /run` and `POST /run/{command}`: turns raw bytes, or the files of a form, into a job. The bytes go to the disk as they
 * arrive; a place in the queue is reserved before, so that no client uploads for long only to be refused.
 *
 * @module
 */

import { type JobInput, newJobUid } from "../../jobs/job.ts";
import type { Place } from "../../jobs/line.ts";
import type { Inbox } from "../../spool/inbox.ts";
import { readRunHead, type RunHead } from "../../wire/run_request.ts";
import { formatOf, typesOf } from "../answer/accept.ts";
import type { ListenerPlace } from "../answer/live.ts";
import type { Problem } from "../answer/problem.ts";
import type { CommandDoor, FrontDoor } from "../door.ts";
import { listenersFull, placeProblem } from "./job_problems.ts";
import { type Arrival, commandFor, type JobAnswer, type JobSettings } from "./job_request.ts";
import { keepFor, type PlacedJob, runJob, type WantedAnswer } from "./run_job.ts";

/** Reads the head, reserves a place, reads the body to the disk and queues the job. */
export async function postRun(
  arrival: Arrival,
  settings: JobSettings,
  door: Pick<FrontDoor, "commandNames" | "ready">,
): Promise<JobAnswer | Problem> {
  const command = commandFor(arrival, settings, door);
  if ("kind" in command) return command;
  const { raw: { headers, url }, requestId } = arrival;
  const format = formatOf(headers.get("accept"), command.responseType);
  if (!format) return { kind: "not_acceptable", types: typesOf(command.responseType) };
  const { passHeaders } = command;
  const read = readRunHead({ url, headers }, { requestId, passHeaders });
  if (!read.ok) return { kind: "invalid", sentence: read.sentence };
  const { head } = read;
  const wanted: WantedAnswer = { format, output: head.answer };
  const isLive = format === "sse" || format === "ndjson";
  const listener = isLive ? settings.live.admit() : undefined;
  if (isLive && !listener) return listenersFull(command);
  const job = await admit(arrival, settings, command, head, wanted, listener);
  if (!("kind" in job)) return runJob(arrival, settings, command, job, wanted);
  listener?.release();
  return job;
}
