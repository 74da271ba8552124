/**
 * What all requests for jobs have in common, whatever their bodies and answers: from the exchange to the answer that is sent.
 *
 * @module
 */

import type { During } from "../../isolate/busy.ts";
import type { ClientAddress } from "../../isolate/messages.ts";
import type { DiskShare } from "../../jobs/job.ts";
import type { Disk } from "../../spool/disk.ts";
import type { Log } from "../../telemetry/log.ts";
import type { RequestTrace } from "../../telemetry/trace.ts";
import { commandIn, type JobPath } from "../../wire/resources.ts";
import type { Activity } from "../activity.ts";
import type { Deliveries, Delivery, GivenUpCause } from "../answer/delivery.ts";
import type { ErrorAnswers } from "../answer/error_answers.ts";
import type { LiveAnswers } from "../answer/live.ts";
import type { LiveAnswer } from "../answer/live_answer.ts";
import { commonHeaders } from "../answer/page.ts";
import type { Problem } from "../answer/problem.ts";
import type { ResultAnswer } from "../answer/answer.ts";
import type { Access } from "../auth.ts";
import type { BodyLimits } from "../body/reading.ts";
import type { Buffers, Share } from "../body/buffers.ts";
import type { Clients } from "../clients.ts";
import type { CommandDoor, FrontDoor } from "../door.ts";
import { clientOf, describe, type Exchange, shownPath } from "../exchange.ts";
import type { Guard } from "../guard.ts";
import type { Handler } from "../handler.ts";
import { noCommandProblem } from "./job_problems.ts";

/** What handling a request for a job needs besides the front door. */
export interface JobSettings {
  /** Refuses requests of other sites' pages, and requests that name a foreign host. */
  readonly guard: Guard;
  /** Decides who may run jobs. */
  readonly access: Access;
  /** Limits of one body, apart from its size, which the command limits. */
  readonly limits: Omit<BodyLimits, "maxBytes">;
  /** The largest body in memory for which the budget of all requests could ever have room. */
  readonly largestBody: number;
  /** The same of a body on the disk. */
  readonly largestRunBody: number;
  /** Detects client disconnects. */
  readonly clients: Clients;
  /** Makes live answers. */
  readonly live: LiveAnswers;
  /** Marks the request that is being worked on. */
  readonly during: During;
}

/** The parts of HTTP that handle a job's request. */
export interface JobParts extends Omit<JobSettings, "largestBody" | "largestRunBody"> {
  /** Counts the requests for jobs in flight. */
  readonly activity: Activity;
  /** Sends answers. */
  readonly deliveries: Deliveries;
  /** The budget of memory of all requests together. */
  readonly buffers: Buffers;
  /** The budget of disk space of all requests together. */
  readonly disk: Pick<Disk, "largestBody" | "open">;
}

/** A request for a job, as it arrived. */
export interface Arrival {
  /** The request itself. */
  readonly raw: Request;
  /** The id that links its log lines and its answer. */
  readonly requestId: string;
  /** The exchange that it belongs to. */
  readonly exchange: Exchange;
  /** The path of its kind of requests, for the default command. */
  readonly path: JobPath;
  /** The command's name in its path; undefined if it names none. */
  readonly commandName: string | undefined;
  /** The command that it is for; undefined if there is none with that name, or no default. */
  readonly command: CommandDoor | undefined;
  /** Its part of a trace. */
  readonly trace: RequestTrace | undefined;
  /** The client's end of the connection. */
  readonly address: () => ClientAddress | undefined;
  /** The memory that it holds; the caller releases it, and a live answer does when it is over. */
  readonly share: Share;
  /** The disk space that it holds; released like the memory. */
  readonly disk: DiskShare;
  /** Called if its live answer is given up, with the cause. */
  readonly onGivenUp: (cause: GivenUpCause) => void;
}

/** The answer of a job: its result, or the stream of its events. */
export type JobAnswer =
  | (ResultAnswer & {
    /** Distinguishes it from a problem. */
    readonly kind: "ran";
  })
  | {
    /** Distinguishes it from the others. */
    readonly kind: "live";
    /** The stream of its events. */
    readonly live: LiveAnswer;
    /** Resolves when the job is over, with the problem because of which it has no result. */
    readonly over: Promise<Problem | undefined>;
  };

/** Turns a request into a job, and its outcome into an answer. */
export type PostJob = (
  arrival: Arrival,
  settings: JobSettings,
  door: Pick<FrontDoor, "commandNames" | "ready">,
) => Problem | Promise<JobAnswer | Problem>;

/** Makes the handler of a path for the default command and of the paths below it for commands with names. */
export function jobRequests(
  door: FrontDoor,
  { answerJob, reportJob }: ErrorAnswers,
  parts: JobParts,
  log: Log,
): (path: JobPath, post: PostJob) => Handler {
  const { activity, deliveries, buffers, disk: space, ...rest } = parts;
  const settings = { ...rest, largestBody: buffers.largestBody, largestRunBody: space.largestBody };

  return (path, post) => async (c) => {
    const { env: exchange, req: { raw } } = c;
    const share = buffers.open();
    const disk = space.open();
    const endActivity = activity.begin();
    let delivery: Pick<Delivery, "handedOver"> | undefined = undefined;
    exchange.onHandedOver = () => {
      delivery?.handedOver();
      endActivity();
      share.release();
    };
    const route = exchange.route ?? path;
    const trace = door.beginTrace(raw.headers, { route, path: shownPath(exchange) });
    exchange.trace = trace;
    const commandName = route === path ? undefined : commandIn(exchange.path);
    // Looked up once: commands may change while the request is handled.
    const command = door.command(commandName);
    exchange.names = command?.names;
    const { requestId } = exchange;
    const address = () => clientOf(exchange);
    const onGivenUp = (cause: GivenUpCause) => {
      log.write("gave up on an unread response", { ...describe(exchange), cause });
      exchange.giveUp?.();
    };
    const arrival: Arrival = {
      raw,
      requestId,
      exchange,
      path,
      commandName,
      command,
      trace,
      address,
      share,
      disk,
      onGivenUp,
    };
    let answer: JobAnswer | Problem | undefined;
    try {
      answer = await post(arrival, settings, door);
    } finally {
      if (answer?.kind === "live") answer.over.finally(() => command?.release());
      else command?.release();
      // After a bug no answer holds the disk space.
      if (!answer) disk.release();
    }
    switch (answer.kind) {
      case "ran": {
        const { status, headers, body } = answer;
        trace?.end({ status });
        const sending = delivery = settings.during(
          requestId,
          () => deliveries.begin(body, arrival),
        );
        return new Response(sending.body, {
          status,
          headers: { ...headers, ...commonHeaders(exchange) },
        });
      }
      case "live":
        answer.over.then((problem) =>
          problem ? reportJob(c, problem) : trace?.end({ status: 200 })
        );
        delivery = answer.live;
        return new Response(answer.live.body, {
          headers: { ...answer.live.headers, ...commonHeaders(exchange) },
        });
      default:
        share.release();
        disk.release();
        if (answer.kind === "spool_unusable" && answer.reason !== undefined) {
          const { reason } = answer;
          log.write("a request's body could not be stored", { ...describe(exchange), reason });
        }
        return answerJob(c, answer);
    }
  };
}

/**
 * Checks host, page, password or token, command and readiness, in this order, so that a request that fails one step costs
 * nothing in the next. Returns the command, or why the request is refused before its body is read.
 */
export function commandFor(
  { raw, path, commandName, command, exchange }: Arrival,
  { guard, access }: JobSettings,
  door: Pick<FrontDoor, "commandNames" | "ready">,
): CommandDoor | Problem {
  const refusal = guard.hostRefusal(raw) ?? guard.pageRefusal(raw);
  if (refusal) return refusal;
  const caller = access.admit(raw.headers, "submit", exchange);
  if ("kind" in caller) return caller;
  const name = command?.name ?? commandName;
  if (caller.token !== undefined && name !== undefined && !caller.mayRun(name)) {
    return { kind: "command_forbidden", token: caller.token, command: name };
  }
  if (!command) {
    const names = door.commandNames().filter((name) => caller.mayRun(name));
    return noCommandProblem(path, commandName, names);
  }
  if (!door.ready()) return { kind: "draining", retryAfterSec: command.retryAfterSec() };
  return command;
}
