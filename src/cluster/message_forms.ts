/**
 * The forms of what machines say to each other. Machines of a group trust each other with jobs, but a message can be damaged, or of
 * another version: only what has one of these forms is handed to the rest of the program.
 *
 * @module
 */

import { type Ending, isRequestId, type RunFailure } from "../jobs/job.ts";
import { maxChunk } from "./bulk.ts";
import {
  choice,
  type Form,
  listOf,
  mapOf,
  numberIn,
  oneOf,
  record,
  text,
  textLike,
  wholeIn,
} from "./forms.ts";
import {
  type Cancel,
  captureNames,
  type ClaimAnswer,
  type JobMessage,
  type JobQuestion,
  type OutputMessage,
  type PayloadForm,
  type Portion,
  type RemoteOutcome,
  type ResultMessage,
  type ResultReply,
} from "./messages.ts";
import type { Beat, PoolBeat } from "./nodes.ts";

/** Maximum length of a text that no other rule bounds, in UTF-16 code units. */
const maxText = 2 ** 20;

/** Maximum length of a sentence for people; the rest of a longer one is dropped. */
const maxSentence = 16 * 1024;

/** Maximum length of a file or capture in bytes: 8 TiB, so that sums are exact. */
const maxLength = 2 ** 43;

/** Maximum length of `parts.json` in bytes. The machine that runs the job has it in memory. */
const maxListLength = 16 * 2 ** 20;

/** Maximum number of files in a form, of commands and of pools. */
const maxEntries = 256;

const boolean = choice(true, false);
const count = wholeIn(0, 2 ** 31);
const position = wholeIn(0, maxLength);
const seconds = numberIn(0);
const uid = textLike(/^[0-9a-f]{32}$/);
const node = textLike(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
const attempt = wholeIn(1);

/** Name of a command, a pool or a token, as `CommandConfig` has it. */
const name = textLike(/^[a-z][a-z0-9_-]{0,31}$/);

/** The version of the protocol. */
export const protoForm: Form<number> = wholeIn(1);

/** 1 to 1024 characters without NUL, as `JobSpec` has it. */
const jobId: Form<string> = (value) => {
  const id = text(2048)(value);
  return id !== undefined && id !== "" && [...id].length <= 1024 ? id : undefined;
};

const requestId: Form<string> = (value) =>
  typeof value === "string" && isRequestId(value) ? value : undefined;

const sentence: Form<string> = (value) =>
  typeof value === "string" ? value.slice(0, maxSentence) : undefined;

const payload: Form<PayloadForm> = oneOf<PayloadForm>(
  record({ kind: choice("bytes", "file"), length: position }),
  record({
    kind: choice("parts"),
    lengths: listOf(position, maxEntries),
    listLength: wholeIn(0, maxListLength),
  }),
);

/** A job. */
export const jobForm: Form<JobMessage> = record({
  proto: protoForm,
  front: node,
  spec: record({
    uid,
    id: jobId,
    requestId,
    command: name,
    keep: choice("memory", "disk", "data"),
    onDisconnect: choice("cancel", "finish"),
  }, {
    timeoutSec: numberIn(Number.MIN_VALUE),
    request: record({
      queryString: text(maxText),
      contentType: text(maxText),
      contentLength: position,
      filename: text(maxText),
      headers: mapOf(textLike(/^[\w!#$%&'*+.^`|~-]{1,256}$/), text(maxText), maxEntries),
    }),
    traceparent: textLike(/^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/),
    tracestate: textLike(/^[\x20-\x7e\t]{0,8192}$/),
    token: name,
  }),
  payload,
  claimFirst: boolean,
});

/** What a command ends with; on Windows any 32 bits. */
const exitStatus = wholeIn(-(2 ** 31), 2 ** 32 - 1);

const signal = textLike(/^[\w+-]{1,32}$/);

const ending: Form<Ending> = oneOf<Ending>(
  record({ kind: choice("exited"), exitStatus }),
  record({ kind: choice("signaled"), signal, exitStatus }),
  record({ kind: choice("timed_out", "canceled", "shutdown"), exitStatus }, { signal }),
  record({ kind: choice("not_started"), exitStatus: choice(126, 127), reason: sentence }),
);

const capture = record({ length: position, truncated: boolean }, { unreadable: choice(true) });

const failure: Form<RunFailure> = record({
  kind: choice("spool_unusable", "spawn_refused", "internal"),
  reason: sentence,
});

const outcome: Form<RemoteOutcome> = oneOf<RemoteOutcome>(
  record({
    kind: choice("ran"),
    workerId: wholeIn(1),
    ending,
    elapsedSec: seconds,
    captures: record({ output: capture, error: capture, data: capture }),
  }, {
    pid: wholeIn(0),
    warm: boolean,
    processJobs: wholeIn(0),
    message: sentence,
    live: record({ stdout: position, stderr: position }),
  }),
  record({ kind: choice("failed"), failure }),
);

/** An outcome. */
export const resultForm: Form<ResultMessage> = record({ uid, node, attempt, outcome });

/** A question about a job. */
export const questionForm: Form<JobQuestion> = record({ uid, node, attempt });

/** The answer to it. */
export const answerForm: Form<{ readonly answer: ClaimAnswer }> = record({
  answer: choice("run", "held", "gone"),
});

/** The end of a run that its front wants. */
export const cancelForm: Form<Cancel> = record({ uid, cause: choice("canceled", "shutdown") });

/** The answer to an outcome. */
export const resultAnswerForm: Form<{ readonly answer: ResultReply }> = record({
  answer: choice("taken", "gone"),
});

/** A question for a part of a payload or of a capture. */
export const portionForm: Form<Portion> = record({
  uid,
  of: choice("payload", ...captureNames),
  at: position,
  length: wholeIn(1, maxChunk),
});

const event = { uid, node };

/** An event of live output. */
export const outputForm: Form<OutputMessage> = oneOf<OutputMessage>(
  record({
    ...event,
    kind: choice("started"),
    worker: record({ id: wholeIn(1), pid: wholeIn(0) }),
  }),
  record({ ...event, kind: choice("stdout", "stderr"), at: position }),
);

const poolBeat: Form<PoolBeat> = record({
  workers: count,
  places: count,
  busy: count,
  waiting: count,
  meanRunSec: numberIn(0, 2 ** 31),
  held: listOf(uid, 2 ** 16),
  commands: mapOf(name, text(128), maxEntries),
});

/** What a machine says every second. */
export const beatForm: Form<Beat> = record({
  proto: protoForm,
  node,
  name: text(256),
  version: text(64),
  state: choice("up", "draining", "gone"),
  pools: mapOf(name, poolBeat, maxEntries),
});
