/**
 * `POST /payload`: turns a request into a job, and the job's result into the answer.
 *
 * @module
 */

import { freeMemory } from "../../async/bytes.ts";
import type { During } from "../../isolate/busy.ts";
import { type JobOutcome, type JobSpec, newJobUid, type RunFailure } from "../../jobs/job.ts";
import type { Refusal } from "../../jobs/line.ts";
import type { RequestTrace } from "../../telemetry/trace.ts";
import type { ClientAddress } from "../../isolate/messages.ts";
import type { Log } from "../../telemetry/log.ts";
import { parsePayloadRequest, type PayloadRequest } from "../../wire/payload_request.ts";
import type { Activity } from "../activity.ts";
import type { Deliveries, Delivery } from "../answer/delivery.ts";
import { commonHeaders } from "../answer/page.ts";
import type { Problem } from "../answer/problem.ts";
import type { ErrorAnswers } from "../answer/error_answers.ts";
import { type ResultAnswer, resultAnswer } from "../answer/result.ts";
import type { PasswordCheck } from "../auth.ts";
import {
  type BodyLimits,
  type BodyRefusal,
  leastBytesPerSec,
  maxChunkedBytes,
  readBody,
} from "../body/body.ts";
import type { Buffers, Share } from "../body/buffers.ts";
import type { Clients } from "../clients.ts";
import type { FrontDoor } from "../door.ts";
import { clientOf, describe } from "../exchange.ts";
import type { Guard } from "../guard.ts";
import type { Handlers } from "../handler.ts";

/** What the resource needs besides the front door. */
export interface PayloadSettings {
  /** Refuses requests of other sites' pages, and requests that name a foreign host. */
  readonly guard: Guard;
  /** Checks who may run jobs. */
  readonly mayRun: PasswordCheck;
  /** Limits of one body. */
  readonly limits: BodyLimits;
  /** The largest body for which the budget of all requests could ever have room. */
  readonly largestBody: number;
  /** What happens to a running job whose client has disconnected. */
  readonly onDisconnect: JobSpec["onDisconnect"];
  /** Detects client disconnects. */
  readonly clients: Clients;
  /** Marks the request that is being worked on. */
  readonly during: During;
}

/** The parts of HTTP that handle a job's request. */
export interface PayloadParts extends Omit<PayloadSettings, "largestBody"> {
  /** Counts the requests for jobs in flight. */
  readonly activity: Activity;
  /** Sends answers. */
  readonly deliveries: Deliveries;
  /** The budget of all requests together. */
  readonly buffers: Buffers;
}

/** A request for a job, as it arrived. */
export interface Arrival {
  /** The request itself. */
  readonly raw: Request;
  /** The id that links its log lines and its answer. */
  readonly requestId: string;
  /** Its part of a trace. */
  readonly trace: RequestTrace | undefined;
  /** The client's end of the connection. */
  readonly address: () => ClientAddress | undefined;
  /** The memory that it holds; the caller releases it. */
  readonly share: Share;
}

/** The answer of a job that ran. */
export interface PayloadAnswer extends ResultAnswer {
  /** Distinguishes it from a problem. */
  readonly kind: "ran";
}

/** See the module's head. */
export function payload(
  door: FrontDoor,
  { answerJob }: ErrorAnswers,
  { activity, deliveries, buffers, ...parts }: PayloadParts,
  log: Log,
): Handlers<"/payload"> {
  const settings = { ...parts, largestBody: buffers.largestBody };

  return {
    async POST(c) {
      const { env: exchange, req: { raw } } = c;
      const share = buffers.open();
      const endActivity = activity.begin();
      let delivery: Delivery | undefined = undefined;
      exchange.onHandedOver = () => {
        delivery?.handedOver();
        endActivity();
        share.release();
      };
      const trace = door.beginTrace(raw.headers);
      exchange.trace = trace;
      const { requestId } = exchange;
      const address = () => clientOf(exchange);
      const outcome = await postPayload({ raw, requestId, trace, address, share }, settings, door);
      if (outcome.kind !== "ran") {
        share.release();
        return answerJob(c, outcome);
      }
      const { status, contentType, body } = outcome;
      trace?.end({ status });
      const { byteLength } = body;
      delivery = settings.during(requestId, () =>
        deliveries.begin(body, {
          share,
          onGivenUp(cause) {
            log.write("gave up on an unread response", { ...describe(exchange), cause });
            exchange.giveUp?.();
          },
        }));
      return new Response(delivery.body, {
        status,
        headers: {
          "content-type": contentType,
          "content-length": String(byteLength),
          ...commonHeaders(exchange),
        },
      });
    },
  };
}

/**
 * Checks host, page, password and readiness, reads body and JSON, then queues the job: in this order, so that a request that
 * fails one step costs nothing in the next.
 */
export async function postPayload(
  arrival: Arrival,
  settings: PayloadSettings,
  door: FrontDoor,
): Promise<PayloadAnswer | Problem> {
  const { guard } = settings;
  const refusal = guard.hostRefusal(arrival.raw) ?? guard.pageRefusal(arrival.raw);
  if (refusal) return refusal;
  if (!settings.mayRun(arrival.raw.headers)) return { kind: "unauthorized" };
  if (!door.ready()) return { kind: "draining", retryAfterSec: door.retryAfterSec() };
  // Nothing here may reference the body or the payload while the job waits and runs; admit() has dropped both.
  const admission = await admit(arrival, settings, door);
  if ("kind" in admission) return admission;
  const { share } = arrival;
  using _watched = settings.clients.watch(arrival.address, admission.clientGone);
  const outcome = await admission.outcome;
  switch (outcome.kind) {
    case "ran":
      share.answer();
      return { kind: "ran", ...resultAnswer(outcome.result, (bytes) => share.taken(bytes)) };
    case "failed":
      return runProblem(outcome.failure.kind, door);
    case "left":
      return leftProblem(outcome);
  }
}

/** Name of the only command. */
const command = "default";

/** A job with a place in the queue. */
interface Admitted {
  readonly outcome: Promise<JobOutcome>;
  readonly clientGone: () => void;
}

async function admit(
  arrival: Arrival,
  settings: PayloadSettings,
  door: FrontDoor,
): Promise<Admitted | Problem> {
  const { raw, requestId, trace, share } = arrival;
  const read = await readRequest(arrival, settings, door);
  if ("kind" in read) return read;
  const { payload, ...request } = read;
  if (raw.signal.aborted) return { kind: "client_gone" };
  const place = await door.reserve({ command }, raw.signal);
  if (!place.reserved) return placeProblem(place);
  const outcome = place.fill({
    uid: newJobUid(),
    ...request,
    requestId,
    command,
    onDisconnect: settings.onDisconnect,
    input: { kind: "bytes", bytes: payload },
    ...trace?.context,
  }, {
    onInputStored: () => void share.resize(0),
    onCaptured: (bytes) => share.captured(bytes),
  });
  return { outcome, clientGone: () => place.leave() };
}

/**
 * Reads and parses the request; the share is then as large as the payload. A function of its own, because the callbacks that
 * `admit` creates would otherwise keep the body in memory.
 */
async function readRequest(
  { raw, requestId, share }: Arrival,
  { limits, largestBody, during }: PayloadSettings,
  door: FrontDoor,
): Promise<PayloadRequest | Problem> {
  // A body for which the budget can never have room is too large; a retry would not help.
  const bounds = { ...limits, maxBytes: Math.min(limits.maxBytes, largestBody) };
  const body = await readBody(raw, bounds, share);
  if (!body.ok) return bodyProblem(body.refusal, bounds, door);
  const { length } = body.bytes;
  const contentType = raw.headers.get("content-type");
  const parsed = during(requestId, () => parsePayloadRequest(body.bytes, { contentType }));
  if (!parsed.ok) return { kind: "invalid", sentence: parsed.sentence };
  const { buffer } = parsed.request.payload;
  share.resize(Math.min(length, buffer.byteLength));
  if (buffer !== body.bytes.buffer) freeMemory(body.bytes);
  return parsed.request;
}

function placeProblem({ cause, waiting, retryAfterSec }: Refusal): Problem {
  switch (cause) {
    case "draining":
      return { kind: "draining", retryAfterSec };
    case "queue_full":
      return { kind: "queue_full", waiting, retryAfterSec };
  }
}

function runProblem(kind: RunFailure["kind"], door: FrontDoor): Problem {
  switch (kind) {
    case "spool_unusable":
    case "internal":
      return { kind };
    case "spawn_refused":
      return { kind, retryAfterSec: door.retryAfterSec() };
  }
}

function leftProblem(
  { cause, queuedSec, retryAfterSec }: Extract<JobOutcome, { readonly kind: "left" }>,
): Problem {
  switch (cause) {
    case "queue_timeout":
      return { kind: "queue_timeout", queuedSec, retryAfterSec };
    case "shutdown":
      return { kind: "draining", queuedSec, retryAfterSec };
    case "canceled":
      // The client does not receive this; it is for the log.
      return { kind: "client_gone", queuedSec };
  }
}

function bodyProblem(
  refusal: BodyRefusal,
  limits: BodyLimits,
  door: FrontDoor,
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
      return { kind: "buffers_full", retryAfterSec: door.retryAfterSec() };
    case "draining":
      return { kind: "draining", retryAfterSec: door.retryAfterSec() };
    case "body_unreadable":
      return { kind: "body_unreadable" };
    case "client_gone":
      return { kind: "client_gone" };
  }
}
