/**
 * `POST /run` and `POST /run/{command}`: turns raw bytes, or the files of a form, into a job. The bytes go to the disk as they
 * arrive; a place in the queue is reserved before, so that no client uploads for long only to be refused.
 *
 * @module
 */

import { type JobInput, type JobSpec, newJobUid, type RequestFacts } from "../../jobs/job.ts";
import type { Inbox } from "../../spool/inbox.ts";
import { readRunHead, type RunHead } from "../../wire/run_request.ts";
import { formatOf, typesOf } from "../answer/accept.ts";
import type { Problem } from "../answer/problem.ts";
import { readBodyToDisk } from "../body/file.ts";
import { isForm, readFormToDisk, type StoredForm } from "../body/form.ts";
import type { NotStored } from "../body/passing.ts";
import { type BodyLimits, headRefusal } from "../body/reading.ts";
import type { CommandDoor, FrontDoor } from "../door.ts";
import { bodyProblem, placeProblem, spoolProblem, storingProblem } from "./job_problems.ts";
import { type Arrival, commandFor, type JobAnswer, type JobSettings } from "./job_request.ts";
import { answerOf, keepFor, type PlacedJob, type WantedAnswer } from "./run_job.ts";

/**
 * How many small pieces a chunked body may have: between the reads of a body that goes to the disk the runtime gathers more of it,
 * and each small piece then costs up to a millisecond.
 */
const smallPieces = 256;

/** Reads the head, reserves a place, reads the body to the disk and queues the job. */
export function postRun(
  arrival: Arrival,
  settings: JobSettings,
  door: Pick<FrontDoor, "commandNames" | "ready">,
): Problem | Promise<JobAnswer | Problem> {
  const command = commandFor(arrival, settings, door);
  if ("kind" in command) return command;
  const { raw: { headers, url }, requestId } = arrival;
  const format = formatOf(headers.get("accept"), command.responseType);
  if (!format) return { kind: "not_acceptable", types: typesOf(command.responseType) };
  const { passHeaders } = command;
  const read = readRunHead({ url, headers }, { requestId, passHeaders });
  if (!read.ok) return { kind: "invalid", sentence: read.sentence };
  const { head } = read;
  const wanted: WantedAnswer = { format, answer: head.answer };
  return answerOf(
    arrival,
    settings,
    command,
    wanted,
    () => admit(arrival, settings, command, head, wanted),
  );
}

/**
 * Reserves a place, and reads the body to the disk. Whatever fails, the place is given back and nothing is left behind.
 */
async function admit(
  arrival: Arrival,
  settings: JobSettings,
  command: CommandDoor,
  head: RunHead,
  { format }: WantedAnswer,
): Promise<PlacedJob | Problem> {
  const { raw, requestId, exchange: { token: client }, trace } = arrival;
  // A body for which there can never be room is too large; a retry would not help.
  const maxBytes = Math.min(command.maxRunBytes, settings.largestRunBody);
  const bounds = { ...settings.limits, maxBytes, smallPieces };
  const refusal = headRefusal(raw, bounds);
  if (refusal) return bodyProblem(refusal, bounds, command);
  const place = await command.reserve(
    { command: command.name, client, arriving: true },
    raw.signal,
  );
  if (!place.reserved) return placeProblem(place);
  const stored = await store(arrival, bounds, command, head);
  if ("kind" in stored) {
    place.leave();
    return stored;
  }
  const { inbox, input, facts } = stored;
  const spec: JobSpec = {
    uid: newJobUid(),
    id: head.id,
    requestId,
    command: command.name,
    version: command.version,
    onDisconnect: command.onDisconnect,
    ...(head.timeoutSec === undefined ? {} : { timeoutSec: head.timeoutSec }),
    input,
    keep: keepFor(format),
    request: facts,
    token: client,
    ...trace?.context,
  };
  return { place, spec, onNotTaken: () => void inbox.discard() };
}

/** A body, or a form, that is stored. */
type StoredRequest = { readonly ok: true; readonly length: number } & Partial<StoredForm>;

/** A payload on the disk. */
interface StoredPayload {
  readonly inbox: Inbox;
  readonly input: JobInput;
  readonly facts: RequestFacts;
}

/** Reads the body into an inbox, which is removed if that fails. */
async function store(
  { raw, share, disk }: Arrival,
  bounds: BodyLimits,
  command: CommandDoor,
  head: RunHead,
): Promise<StoredPayload | Problem> {
  let inbox: Inbox | undefined;
  // Also while the folder is made, so that nothing disturbs the connection before the first byte is read.
  const endUpload = bounds.uploads.begin();
  try {
    inbox = await command.openInbox();
    const read = isForm(raw.headers.get("content-type")) ? readFormToDisk : readBodyToDisk;
    const body: StoredRequest | NotStored = await read(raw, bounds, share, {
      inbox,
      disk,
      digest: head.digest,
    });
    if (!body.ok) {
      await inbox.discard();
      return storingProblem(body, bounds, command);
    }
    const input = await inbox.complete(body.list);
    const { length, filename = head.facts.filename } = body;
    return { inbox, input, facts: { ...head.facts, filename, contentLength: length } };
  } catch (error) {
    await inbox?.discard();
    return spoolProblem(error);
  } finally {
    endUpload();
  }
}
