/**
 * `POST /payload` and `POST /payload/{command}`: turns a request into a job, and the job's result into the answer.
 *
 * @module
 */

import { freeMemory } from "../../async/bytes.ts";
import type { During } from "../../isolate/busy.ts";
import { type JobOutcome, newJobUid } from "../../jobs/job.ts";
import type { RequestTrace } from "../../telemetry/trace.ts";
import type { ClientAddress } from "../../isolate/messages.ts";
import type { Log } from "../../telemetry/log.ts";
import { parsePayloadRequest, type PayloadRequest } from "../../wire/payload_request.ts";
import { commandIn, commandRoute, payloadPath } from "../../wire/resources.ts";
import type { Activity } from "../activity.ts";
import type { Deliveries, Delivery } from "../answer/delivery.ts";
import { commonHeaders } from "../answer/page.ts";
import type { Problem } from "../answer/problem.ts";
import type { ErrorAnswers } from "../answer/error_answers.ts";
import { type ResultAnswer, resultAnswer } from "../answer/result.ts";
import type { PasswordCheck } from "../auth.ts";
import type { Buffers, Share } from "../body/buffers.ts";
import { readBody } from "../body/memory.ts";
import type { BodyLimits } from "../body/reading.ts";
import type { Clients } from "../clients.ts";
import type { CommandDoor, FrontDoor } from "../door.ts";
import { clientOf, describe, shownPath } from "../exchange.ts";
import type { Guard } from "../guard.ts";
import type { Handlers } from "../handler.ts";
import {
  bodyProblem,
  leftProblem,
  noCommandProblem,
  placeProblem,
  runProblem,
} from "./payload_problems.ts";

/** What the resource needs besides the front door. */
export interface PayloadSettings {
  /** Refuses requests of other sites' pages, and requests that name a foreign host. */
  readonly guard: Guard;
  /** Checks who may run jobs. */
  readonly mayRun: PasswordCheck;
  /** Limits of one body, apart from its size, which the command limits. */
  readonly limits: Omit<BodyLimits, "maxBytes">;
  /** The largest body for which the budget of all requests could ever have room. */
  readonly largestBody: number;
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
  /** The command's name in its path; undefined if it names none. */
  readonly commandName: string | undefined;
  /** The command that it is for; undefined if there is none with that name, or no default. */
  readonly command: CommandDoor | undefined;
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
): Handlers<typeof payloadPath> & Handlers<typeof commandRoute> {
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
      const route = exchange.route === commandRoute ? commandRoute : payloadPath;
      const trace = door.beginTrace(raw.headers, { route, path: shownPath(exchange) });
      exchange.trace = trace;
      const commandName = route === commandRoute ? commandIn(exchange.path) : undefined;
      // Looked up once: commands may change while the request is handled.
      const command = door.command(commandName);
      exchange.names = command?.names;
      const { requestId } = exchange;
      const address = () => clientOf(exchange);
      const outcome = await postPayload(
        { raw, requestId, commandName, command, trace, address, share },
        settings,
        door,
      ).finally(() => command?.release());
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
 * Checks host, page, password, command and readiness, reads body and JSON, then queues the job: in this order, so that a
 * request that fails one step costs nothing in the next.
 */
export async function postPayload(
  arrival: Arrival,
  settings: PayloadSettings,
  door: Pick<FrontDoor, "commandNames" | "ready">,
): Promise<PayloadAnswer | Problem> {
  const { guard } = settings;
  const refusal = guard.hostRefusal(arrival.raw) ?? guard.pageRefusal(arrival.raw);
  if (refusal) return refusal;
  if (!settings.mayRun(arrival.raw.headers)) return { kind: "unauthorized" };
  const { command } = arrival;
  if (!command) return noCommandProblem(arrival.commandName, door.commandNames());
  if (!door.ready()) return { kind: "draining", retryAfterSec: command.retryAfterSec() };
  // Nothing here may reference the body or the payload while the job waits and runs; admit() has dropped both.
  const admission = await admit(arrival, settings, command);
  if ("kind" in admission) return admission;
  const { share } = arrival;
  using _watched = settings.clients.watch(arrival.address, admission.clientGone);
  const outcome = await admission.outcome;
  switch (outcome.kind) {
    case "ran":
      share.answer();
      return { kind: "ran", ...resultAnswer(outcome.result, (bytes) => share.taken(bytes)) };
    case "failed":
      return runProblem(outcome.failure.kind, command);
    case "left":
      return leftProblem(outcome);
  }
}

/** A job with a place in the queue. */
interface Admitted {
  readonly outcome: Promise<JobOutcome>;
  readonly clientGone: () => void;
}

async function admit(
  arrival: Arrival,
  settings: PayloadSettings,
  command: CommandDoor,
): Promise<Admitted | Problem> {
  const { raw, requestId, trace, share } = arrival;
  const read = await readRequest(arrival, settings, command);
  if ("kind" in read) return read;
  const { payload, ...request } = read;
  if (raw.signal.aborted) return { kind: "client_gone" };
  const place = await command.reserve({ command: command.name }, raw.signal);
  if (!place.reserved) return placeProblem(place);
  const outcome = place.fill({
    uid: newJobUid(),
    ...request,
    requestId,
    command: command.name,
    version: command.version,
    onDisconnect: command.onDisconnect,
    input: { kind: "bytes", bytes: payload },
    keep: "memory",
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
  command: CommandDoor,
): Promise<PayloadRequest | Problem> {
  // A body for which the budget can never have room is too large; a retry would not help.
  const bounds = { ...limits, maxBytes: Math.min(command.maxRequestBytes, largestBody) };
  const body = await readBody(raw, bounds, share);
  if (!body.ok) return bodyProblem(body.refusal, bounds, command);
  const { length } = body.bytes;
  const contentType = raw.headers.get("content-type");
  const parsed = during(requestId, () => parsePayloadRequest(body.bytes, { contentType }));
  if (!parsed.ok) return { kind: "invalid", sentence: parsed.sentence };
  const { buffer } = parsed.request.payload;
  share.resize(Math.min(length, buffer.byteLength));
  if (buffer !== body.bytes.buffer) freeMemory(body.bytes);
  return parsed.request;
}
