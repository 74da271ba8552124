/**
 * `POST /payload` and `POST /payload/{command}`: turns JSON with base64 into a job.
 *
 * @module
 */

import { freeMemory } from "../../async/bytes.ts";
import { newJobUid } from "../../jobs/job.ts";
import { parsePayloadRequest, type PayloadRequest } from "../../wire/payload_request.ts";
import { liveFormatOf } from "../answer/accept.ts";
import type { Problem } from "../answer/problem.ts";
import { readBody } from "../body/memory.ts";
import type { CommandDoor, FrontDoor } from "../door.ts";
import { bodyProblem, placeProblem } from "./job_problems.ts";
import { type Arrival, commandFor, type JobAnswer, type JobSettings } from "./job_request.ts";
import { answerOf, keepFor, type PlacedJob, type WantedAnswer } from "./run_job.ts";

/** Reads body and JSON, then queues the job, so that a request that fails one step costs nothing in the next. */
export function postPayload(
  arrival: Arrival,
  settings: JobSettings,
  door: Pick<FrontDoor, "commandNames" | "ready">,
): Problem | Promise<JobAnswer | Problem> {
  const command = commandFor(arrival, settings, door);
  if ("kind" in command) return command;
  const format = liveFormatOf(arrival.raw.headers.get("accept")) ?? "json";
  const wanted: WantedAnswer = { format, answer: "auto" };
  // Nothing here may reference the body or the payload while the job waits and runs; admit() has dropped both.
  return answerOf(
    arrival,
    settings,
    command,
    wanted,
    () => admit(arrival, settings, command, wanted),
  );
}

async function admit(
  arrival: Arrival,
  settings: JobSettings,
  command: CommandDoor,
  { format }: WantedAnswer,
): Promise<PlacedJob | Problem> {
  const { raw, requestId, exchange: { token: client }, trace } = arrival;
  const read = await readRequest(arrival, settings, command);
  if ("kind" in read) return read;
  const { id, timeoutSec, payload } = read;
  const { signal } = raw;
  if (signal.aborted) return { kind: "client_gone" };
  const place = await command.reserve({ command: command.name, client }, signal);
  if (!place.reserved) return placeProblem(place);
  const spec = {
    uid: newJobUid(),
    id,
    requestId,
    command: command.name,
    version: command.version,
    onDisconnect: command.onDisconnect,
    input: { kind: "bytes", bytes: payload } as const,
    keep: keepFor(format),
    token: client,
  };
  if (timeoutSec === undefined && !trace) return { place, spec };
  const limit = timeoutSec === undefined ? {} : { timeoutSec };
  return { place, spec: { ...spec, ...limit, ...trace?.context } };
}

/**
 * Reads and parses the request; the share is then as large as the payload. A function of its own, because the callbacks of the
 * job would otherwise keep the body in memory.
 */
function readRequest(
  { raw, requestId, share }: Arrival,
  { limits, largestBody, during }: JobSettings,
  command: CommandDoor,
): Promise<PayloadRequest | Problem> {
  // A body for which the budget can never have room is too large; a retry would not help.
  const bounds = { ...limits, maxBytes: Math.min(command.maxRequestBytes, largestBody) };
  return readBody(raw, bounds, share).then((body) => {
    if (!body.ok) return bodyProblem(body.refusal, bounds, command);
    const { bytes } = body;
    const { length } = bytes;
    const contentType = raw.headers.get("content-type");
    const parsed = during(requestId, () => parsePayloadRequest(bytes, { contentType }));
    if (!parsed.ok) return { kind: "invalid", sentence: parsed.sentence };
    const { buffer } = parsed.request.payload;
    share.resize(Math.min(length, buffer.byteLength));
    if (buffer !== bytes.buffer) freeMemory(bytes);
    return parsed.request;
  });
}
