/**
 * From a place in the queue to the answer, in the format that the client asked for.
 *
 * @module
 */

import type { JobHandle, JobOutcome, JobSpec, Keep } from "../../jobs/job.ts";
import type { Place } from "../../jobs/line.ts";
import type { LiveFormat } from "../../wire/events.ts";
import type { AnswerPart } from "../../wire/run_request.ts";
import type { Format } from "../answer/accept.ts";
import type { ListenerPlace } from "../answer/live.ts";
import type { LiveAnswer, LiveEnd } from "../answer/live_answer.ts";
import type { Problem } from "../answer/problem.ts";
import { resultAnswer } from "../answer/result.ts";
import type { CommandDoor } from "../door.ts";
import { leftProblem, listenersFull, runProblem } from "./job_problems.ts";
import type { Arrival, JobAnswer, JobSettings } from "./job_request.ts";

/** The answer that a client wants. */
export interface WantedAnswer {
  /** Its format. */
  readonly format: Format;
  /** The output that an answer in bytes has. */
  readonly answer: AnswerPart;
}

/** A job with a place in the queue. */
export interface PlacedJob {
  /** The place, which is not filled yet. */
  readonly place: Place;
  /** The job. */
  readonly spec: JobSpec;
  /** Called when the job is over and no run in this process has taken its payload. */
  readonly onNotTaken?: () => void;
}

/** Where the outputs of a job are kept for an answer in a format. */
export function keepFor(format: Format): Keep {
  switch (format) {
    case "json":
      return "memory";
    case "bytes":
    case "form":
      return "disk";
    case "sse":
    case "ndjson":
      return "data";
  }
}

/**
 * Has the request admitted, and makes the answer: when the job is over or, if the answer is live, as soon as the job is in the
 * queue.
 */
export function answerOf(
  arrival: Arrival,
  settings: JobSettings,
  command: CommandDoor,
  { format, answer }: WantedAnswer,
  admit: () => Promise<PlacedJob | Problem>,
): Promise<JobAnswer | Problem> {
  if (format === "sse" || format === "ndjson") {
    return answerLive(arrival, settings, command, format, admit);
  }
  // Not an async function: what `admit` returns can be freed while the job waits and runs.
  return admit().then((job) => {
    if ("kind" in job) return job;
    const outcome = fill(job, handleOf(arrival));
    return runToTheEnd(arrival, settings, command, job.place, outcome, { format, answer });
  });
}

/** Takes room for the listener before `admit` reads a body. */
async function answerLive(
  arrival: Arrival,
  { live }: JobSettings,
  command: CommandDoor,
  format: LiveFormat,
  admit: () => Promise<PlacedJob | Problem>,
): Promise<JobAnswer | Problem> {
  const listener = live.admit();
  if (!listener) return listenersFull(command);
  try {
    const job = await admit();
    return "kind" in job ? job : await runLive(arrival, command, job, { format, listener });
  } finally {
    // No effect on a live answer that has begun.
    listener.release();
  }
}

function handleOf({ share, disk }: Arrival): JobHandle {
  return {
    onInputStored: () => void share.resize(0),
    onCaptured: (bytes) => share.captured(bytes),
    disk,
  };
}

function fill({ place, spec, onNotTaken }: PlacedJob, handle: JobHandle): Promise<JobOutcome> {
  if (!onNotTaken) return place.fill(spec, handle);
  const { input } = spec;
  const outcome = place.fill(spec, handle);
  const discard = () => {
    if (spec.input === input) onNotTaken();
  };
  outcome.then(discard, discard);
  return outcome;
}

async function runToTheEnd(
  { share, address }: Arrival,
  { clients }: JobSettings,
  command: CommandDoor,
  place: Place,
  pending: Promise<JobOutcome>,
  { format, answer: part }: WantedAnswer & { readonly format: Exclude<Format, LiveFormat> },
): Promise<JobAnswer | Problem> {
  const watch = clients.watch(address, () => place.leave());
  let outcome: JobOutcome;
  try {
    outcome = await pending;
  } finally {
    // `using` would cost every job another 240 bytes.
    watch[Symbol.dispose]();
  }
  if (outcome.kind !== "ran") return withoutResult(outcome, command);
  share.answer();
  const made = resultAnswer(outcome.result, {
    format,
    answer: part,
    responseType: command.responseType,
    failedStatus: command.failedStatus,
    retryAfterSec: () => command.retryAfterSec(),
    onReleased: (bytes) => share.taken(bytes),
  });
  const answer = made instanceof Promise ? await made : made;
  return "body" in answer ? { kind: "ran", ...answer } : answer;
}

/**
 * The stream of events is the only sign that the client has disconnected, and the job ends it. Memory and disk space are held until
 * both are over: a job goes on for a while, or to its end, after its client has left. A job that never got into the queue is
 * answered with its problem, without a stream.
 */
async function runLive(
  arrival: Arrival,
  command: CommandDoor,
  job: PlacedJob,
  { format, listener }: { readonly format: LiveFormat; readonly listener: ListenerPlace },
): Promise<JobAnswer | Problem> {
  const { requestId, share, disk, onGivenUp } = arrival;
  const { place } = job;
  /** How many of the two are not over. */
  let open = 2;
  const onOver = () => {
    if (--open > 0) return;
    share.release();
    disk.release();
  };
  let live: LiveAnswer | undefined;
  /** The answer, which begins with the first call: a command can start before it is certain that its job is in the queue. */
  const begun = () => {
    if (live) return live;
    live = listener.open({
      format,
      requestId,
      onGone: () => place.leave(),
      onGivenUp(cause) {
        place.leave();
        onGivenUp(cause);
      },
      onHeld: (bytes) => share.captured(bytes),
      onOver,
    });
    live.queued(place.position());
    return live;
  };
  let early: JobOutcome | undefined;
  const outcome = fill(job, {
    ...handleOf(arrival),
    onStarted: (worker) => begun().onStarted(worker),
    onOutput: (stream, bytes) => begun().onOutput(stream, bytes),
    onLost: (stream, bytes) => begun().onLost(stream, bytes),
  });
  if (place.entered) {
    outcome.then((outcome) => early = outcome);
    await place.entered;
    if (!live && early?.kind === "left") return leftProblem(early);
  }
  const answer = begun();
  const over = outcome.then((outcome) => {
    const end = endOf(outcome, command);
    answer.end(end);
    return end.kind === "ran" ? undefined : end;
  }).finally(onOver);
  return { kind: "live", live: answer, over };
}

function endOf(outcome: JobOutcome, command: CommandDoor): LiveEnd {
  return outcome.kind === "ran" ? outcome : withoutResult(outcome, command);
}

function withoutResult(
  outcome: Exclude<JobOutcome, { readonly kind: "ran" }>,
  command: CommandDoor,
): Problem {
  return outcome.kind === "failed"
    ? runProblem(outcome.failure.kind, command)
    : leftProblem(outcome);
}
