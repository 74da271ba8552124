/**
 * Delivers the outcome of a run to the machine that has the client.
 *
 * @module
 */

import {
  type Captured,
  capturedLength,
  type JobOutcome,
  type JobResult,
  type JobSpec,
} from "../jobs/job.ts";
import { chunkSize } from "./bulk.ts";
import { pause } from "./clock.ts";
import { decodeResultAnswer, encodeResult } from "./codec.ts";
import type { Group } from "./group.ts";
import { acknowledgements, giveBack } from "./link.ts";
import {
  type CaptureForm,
  captureNames,
  type JobQuestion,
  type RemoteOutcome,
  type ResultReply,
  type StreamTotals,
} from "./messages.ts";

/** Results up to this size are sent with the message that announces them. */
const inlineResultBytes = 256 * 1024;

/** How long a result is kept for its front since that has last read of it, in milliseconds. */
const keptMs = 60_000;

/** Pause between attempts, in milliseconds. */
const againMs = 500;

/** Timeout for a result that comes with its bytes, and for one whose bytes are fetched, in milliseconds. */
const smallResultMs = 1000;
const largeResultMs = 60_000;

/** How the message of a job is acknowledged, and where the server confirms that. */
export interface Acknowledgement {
  /** What the server is to do with it. */
  readonly kind: Uint8Array<ArrayBuffer>;
  /** Subject for the confirmation; absent for none. */
  readonly confirmTo?: string;
}

/** An outcome on its way. */
export interface ResultDelivery {
  /** Name of the pool. */
  readonly pool: string;
  /** The job. */
  readonly spec: JobSpec;
  /** The machine that has the client. */
  readonly front: string;
  /** Where the message of the job is acknowledged. */
  readonly reply: string;
  /** The job, for the front. */
  readonly question: JobQuestion;
  /** What has come of it. */
  readonly outcome: JobOutcome;
  /** How much live output was sent; absent for a job without. */
  readonly live?: StreamTotals | undefined;
  /** Whether it is to go on. */
  readonly goesOn: () => boolean;
  /** When a part of a capture was last read; a time of the group's clock. */
  readonly readMs: () => number;
}

/**
 * Delivers an outcome. Resolves with how the message of the job is to be acknowledged; with undefined if that was done, or the
 * delivery does not go on. Does not reject.
 */
export async function deliver(
  group: Group,
  delivery: ResultDelivery,
): Promise<Acknowledgement | undefined> {
  const { link, subjects, nodes, clock, report } = group;
  const { front, pool, spec, question: { uid } } = delivery;
  const unclaimed = (cause: "unwanted" | "undelivered") =>
    report.unclaimed(pool, spec, { id: front, name: nodes.nameOf(front) }, cause);
  const made = messageOf(group, delivery);
  const message = made instanceof Promise ? await made : made;
  const confirmTo = subjects.acked(front, uid);
  const done: Acknowledgement = { kind: acknowledgements.done, confirmTo };
  const begun = clock.now();
  for (;;) {
    const { connections } = link;
    const answer = await send(group, delivery, message, done);
    if (answer) {
      if (answer === "gone") unclaimed("unwanted");
      report.hop("result", (clock.now() - begun) / 1000);
      return message.isInline && connections === link.connections ? undefined : done;
    }
    if (!delivery.goesOn()) return undefined;
    const isDead = !nodes.isAlive(front, clock.now());
    const wantedMs = Math.max(begun, delivery.readMs());
    if (clock.now() - wantedMs >= keptMs || nodes.hasLeft(front)) {
      unclaimed("undelivered");
      return isDead ? done : { kind: giveBack(0) };
    }
    // It may be cut off and come back, but it needs no place in the queue for that.
    if (isDead) link.publish(delivery.reply, done.kind);
    await pause(clock, againMs);
  }
}

/** One attempt. Resolves with undefined if it is not known whether the front has taken it. */
async function send(
  { link, subjects }: Group,
  { front, reply }: ResultDelivery,
  { data, isInline }: Message,
  done: Acknowledgement,
): Promise<ResultReply | undefined> {
  const timeoutMs = isInline ? smallResultMs : largeResultMs;
  const answer = link.request(subjects.front(front, "result"), data, timeoutMs);
  // Right behind the result, on the same connection: the front that hears of it has the result.
  if (isInline) link.publish(reply, done.kind, done.confirmTo);
  return await answer.then(decodeResultAnswer, () => undefined);
}

interface Message {
  readonly data: Uint8Array<ArrayBuffer>;
  /** Whether it has the bytes of the captures. */
  readonly isInline: boolean;
}

/** At once if nothing must be read from a file, so that the result is sent before the worker asks for the next job. */
function messageOf(group: Group, delivery: ResultDelivery): Message | Promise<Message> {
  const { outcome, question } = delivery;
  /** A file of the result cannot be read, or the result cannot be encoded. */
  const unsendable = (error: unknown) => {
    const reason = `the result cannot be sent: ${(error as Error).message}`;
    return failureOf(question, { kind: "internal", reason });
  };
  switch (outcome.kind) {
    case "ran":
      try {
        const message = resultOf(group, outcome.result, delivery);
        return message instanceof Promise ? message.catch(unsendable) : message;
      } catch (error) {
        return unsendable(error);
      }
    case "left": {
      const reason = `the job has left the queue: ${outcome.cause}`;
      return failureOf(question, { kind: "internal", reason });
    }
    case "failed":
      return failureOf(question, outcome.failure);
  }
}

function failureOf(
  question: JobQuestion,
  failure: Extract<RemoteOutcome, { kind: "failed" }>["failure"],
): Message {
  const outcome: RemoteOutcome = { kind: "failed", failure };
  return { data: encodeResult({ ...question, outcome }), isInline: true };
}

function resultOf(
  { link }: Group,
  result: JobResult,
  { question, live }: ResultDelivery,
): Message | Promise<Message> {
  const captures = captureNames.map((name) => result[name]);
  const length = captures.reduce((sum, each) => sum + capturedLength(each), 0);
  const isInline = length <= Math.min(inlineResultBytes, chunkSize(link.maxPayload));
  const message = { ...question, outcome: remoteOf(result, live) };
  const made = (inline: readonly Uint8Array[]) => ({
    data: encodeResult(message, inline),
    isInline,
  });
  if (!isInline) return made([]);
  if (captures.every(({ file }) => !file)) return made(captures.map(({ bytes }) => bytes));
  return Promise.all(captures.map((each) => readCapture(each, 0, capturedLength(each)))).then(made);
}

function remoteOf(
  { workerId, ending, elapsedSec, pid, warm, processJobs, message, output, error, data }: JobResult,
  live: StreamTotals | undefined,
): RemoteOutcome {
  return {
    kind: "ran",
    workerId,
    ending,
    elapsedSec,
    ...(pid === undefined ? {} : { pid }),
    ...(warm === undefined ? {} : { warm }),
    ...(processJobs === undefined ? {} : { processJobs }),
    ...(message === undefined ? {} : { message }),
    ...(live ? { live } : {}),
    captures: { output: formOf(output), error: formOf(error), data: formOf(data) },
  };
}

function formOf(captured: Captured): CaptureForm {
  const { truncated, unreadable } = captured;
  return { length: capturedLength(captured), truncated, ...(unreadable ? { unreadable } : {}) };
}

/** Reads a part of a capture into new memory. Rejects with errors of the file system, also if there are fewer bytes. */
export async function readCapture(
  { bytes, file }: Captured,
  at: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!file) return bytes.slice(at, at + length);
  const memory = new Uint8Array(length);
  for (let read = 0; read < length;) {
    const count = await file.read(at + read, memory.subarray(read));
    if (count === 0) throw new Error("a file of the result is shorter than it was");
    read += count;
  }
  return memory;
}
