/**
 * Makes messages of what machines say to each other, and reads them. What has no form that is known here is not understood; what
 * has more members than are known here is read without them, so that machines of several versions can share a queue.
 *
 * A `decode` function accepts any bytes: it does not throw, and what it returns takes little more memory than the message. An
 * `encode` function throws a `TypeError` if the other machine would not understand the message, and a `RangeError` if it is too
 * long.
 *
 * @module
 */

import { type Form, record } from "./forms.ts";
import { decodeFrame, encodeFrame } from "./frame.ts";
import {
  answerForm,
  beatForm,
  cancelForm,
  jobForm,
  outputForm,
  portionForm,
  protoForm,
  questionForm,
  resultAnswerForm,
  resultForm,
} from "./message_forms.ts";
import {
  type Cancel,
  capturesLength,
  type ClaimAnswer,
  type JobMessage,
  type JobQuestion,
  type OutputMessage,
  payloadLength,
  type Portion,
  type ReceivedJob,
  type ReceivedOutcome,
  type ReceivedOutput,
  type ResultMessage,
  type ResultReply,
} from "./messages.ts";
import { protocol } from "./names.ts";
import type { Beat } from "./nodes.ts";

/** What the messages of every version have. */
const versionForm = record({ proto: protoForm });

/** A job, with the bytes of its payload unless they are to be fetched. An infinite time limit is none. */
export function encodeJob(message: JobMessage, inline?: Uint8Array): Uint8Array<ArrayBuffer> {
  const { timeoutSec, ...spec } = message.spec;
  const limit = timeoutSec === undefined || timeoutSec === Infinity ? {} : { timeoutSec };
  const head = known("job", jobForm, { ...message, spec: { ...spec, ...limit } });
  return encodeFrame(head, ...inline ? [inline] : []);
}

/** Reads a job; `newer` if it is of a later version of the protocol. An empty payload need not be fetched. */
export function decodeJob(data: Uint8Array<ArrayBuffer>): ReceivedJob | "newer" | undefined {
  const frame = decodeFrame(data);
  if (!frame) return undefined;
  const version = versionForm(frame.head);
  if (version && version.proto > protocol) return "newer";
  const message = jobForm(frame.head);
  return message && withInline(message, frame.body, payloadLength(message.payload));
}

/** An outcome, with the bytes of all captures in the order of `captureNames` unless they are to be fetched. */
export function encodeResult(
  message: ResultMessage,
  inline: readonly Uint8Array[] = [],
): Uint8Array<ArrayBuffer> {
  return encodeFrame(known("result", resultForm, message), ...inline);
}

/** Reads an outcome. Captures that are empty need not be fetched. */
export function decodeResult(data: Uint8Array<ArrayBuffer>): ReceivedOutcome | undefined {
  const frame = decodeFrame(data);
  const message = frame && resultForm(frame.head);
  return message && withInline(message, frame.body, capturesLength(message.outcome));
}

/** A question about a job. */
export function encodeQuestion(message: JobQuestion): Uint8Array<ArrayBuffer> {
  return encodeFrame(known("question", questionForm, message));
}

/** Reads a question. */
export function decodeQuestion(data: Uint8Array<ArrayBuffer>): JobQuestion | undefined {
  return questionForm(headOf(data));
}

/** The answer to a question about a job. */
export function encodeAnswer(message: ClaimAnswer): Uint8Array<ArrayBuffer> {
  return encodeFrame(known("answer", answerForm, { answer: message }));
}

/** Reads an answer. */
export function decodeAnswer(data: Uint8Array<ArrayBuffer>): ClaimAnswer | undefined {
  return answerForm(headOf(data))?.answer;
}

/** The end of a run that its front wants. */
export function encodeCancel(message: Cancel): Uint8Array<ArrayBuffer> {
  return encodeFrame(known("cancel", cancelForm, message));
}

/** Reads the end of a run. */
export function decodeCancel(data: Uint8Array<ArrayBuffer>): Cancel | undefined {
  return cancelForm(headOf(data));
}

/** The answer to an outcome. */
export function encodeResultAnswer(answer: ResultReply): Uint8Array<ArrayBuffer> {
  return encodeFrame(known("answer", resultAnswerForm, { answer }));
}

/** Reads the answer to an outcome. */
export function decodeResultAnswer(data: Uint8Array<ArrayBuffer>): ResultReply | undefined {
  return resultAnswerForm(headOf(data))?.answer;
}

/** A question for a part of a payload or of a capture. */
export function encodePortion(message: Portion): Uint8Array<ArrayBuffer> {
  return encodeFrame(known("portion", portionForm, message));
}

/** Reads a question for a part. */
export function decodePortion(data: Uint8Array<ArrayBuffer>): Portion | undefined {
  return portionForm(headOf(data));
}

/** An event of live output. */
export function encodeOutput(
  message: OutputMessage,
  bytes: Uint8Array = new Uint8Array(),
): Uint8Array<ArrayBuffer> {
  return encodeFrame(known("output", outputForm, message), bytes);
}

/** Reads an event of live output. */
export function decodeOutput(data: Uint8Array<ArrayBuffer>): ReceivedOutput | undefined {
  const frame = decodeFrame(data);
  const message = frame && outputForm(frame.head);
  if (!message || message.kind === "started" && frame.body.length > 0) return undefined;
  return { ...message, bytes: frame.body };
}

/** What a machine says every second. */
export function encodeBeat(message: Beat): Uint8Array<ArrayBuffer> {
  return encodeFrame(known("beat", beatForm, message));
}

/** Reads what a machine says every second. */
export function decodeBeat(data: Uint8Array<ArrayBuffer>): Beat | undefined {
  return beatForm(headOf(data));
}

/** The data of a message without bytes. */
function headOf(data: Uint8Array<ArrayBuffer>): unknown {
  const frame = decodeFrame(data);
  return frame?.body.length === 0 ? frame.head : undefined;
}

/** What is sent of a message: what the other machine reads of it. */
function known<T extends object>(kind: string, form: Form<T>, message: T): T {
  const copy = form(message);
  if (copy) return copy;
  throw new TypeError(`a ${kind} for another machine: it must have the form that is read there`);
}

/** A message with its bytes; undefined if there are neither none nor all of them. */
function withInline<T>(
  message: T,
  body: Uint8Array<ArrayBuffer>,
  length: number,
): T & { readonly inline: Uint8Array<ArrayBuffer> | undefined } | undefined {
  if (body.length !== 0 && body.length !== length) return undefined;
  return { ...message, inline: body.length === length ? body : undefined };
}
