/**
 * Error answers to requests. Each is logged, except that of a run that took place, since its job has a line in the log; one to
 * a request for a job is also counted and traced.
 *
 * @module
 */

import type { Context } from "hono";
import { accepts } from "hono/accepts";
import type { During } from "../../isolate/busy.ts";
import { toMicroseconds } from "../../wire/rounding.ts";
import { describe } from "../exchange.ts";
import type { Call } from "../handler.ts";
import type { RequestTelemetry } from "../observe.ts";
import { isFailedRun } from "./failed_run.ts";
import { commonHeaders } from "./page.ts";
import { type Problem, type ProblemAnswer, problemAnswer } from "./problem.ts";
import { rejectionOf } from "./rejection.ts";

/** See the module's head. */
export interface ErrorAnswers {
  /** Makes the answer to a problem, and logs the problem unless it is that of a run. */
  answer(c: Call, problem: Problem): Response;
  /** The same for a request for a job: also counted if the problem is a rejection, and recorded in the trace. */
  answerJob(c: Call, problem: Problem): Response;
  /** Reports the problem of a job in the same way, for an answer that has begun with status 200 and ends with the problem. */
  reportJob(c: Call, problem: Problem): void;
}

/** Maximum length of a host in a log line: the longest name (RFC 1035, section 2.3.4). */
const maxHostLength = 253;

/** `during` marks the request for which an answer is made. */
export function createErrorAnswers(
  { log, metrics }: Pick<RequestTelemetry, "log" | "metrics">,
  during: During,
): ErrorAnswers {
  function write(c: Call, problem: Problem, asJson: boolean): ProblemAnswer {
    const { requestId } = c.env;
    const made = during(requestId, () => problemAnswer(problem, requestId, asJson));
    // Of a run that took place the line of its job says how it ended.
    if (!isFailedRun(problem)) {
      log.write("request refused", {
        ...describe(c.env),
        "http.response.status_code": made.status,
        reason: problem.kind,
        detail: made.detail,
        command: c.env.names?.command,
        token: c.env.token,
        "server.address": problem.kind === "unknown_host"
          ? problem.host?.slice(0, maxHostLength)
          : undefined,
        queued_sec: "queuedSec" in problem ? toMicroseconds(problem.queuedSec ?? 0) : undefined,
      });
    }
    return made;
  }

  function answer(c: Call, problem: Problem): Response {
    const { status, headers, body } = write(c, problem, asksForJson(c));
    return new Response(body, { status, headers: { ...headers, ...commonHeaders(c.env) } });
  }

  function count(c: Call, problem: Problem): void {
    const reason = rejectionOf(problem);
    if (reason) metrics.rejected(reason, c.env.names);
  }

  function endTrace(c: Call, problem: Problem, status: number): void {
    c.env.trace?.end({
      status,
      problem: problem.kind,
      leftAfterSec: "queuedSec" in problem ? problem.queuedSec : undefined,
    });
  }

  return {
    answer,
    answerJob(c, problem) {
      count(c, problem);
      const response = answer(c, problem);
      endTrace(c, problem, response.status);
      return response;
    },
    reportJob(c, problem) {
      count(c, problem);
      write(c, problem, false);
      endTrace(c, problem, 200);
    },
  };
}

/** Whether the client's Accept header prefers JSON; a bare wildcard does not ask for it. */
function asksForJson({ req: { raw } }: Call): boolean {
  const text = "text/plain";
  // The only part of hono's context that accepts() uses.
  const req = { header: (name: string) => raw.headers.get(name) ?? undefined };
  return accepts({ req } as Context, {
    header: "Accept",
    supports: [text, "application/problem+json", "application/json"],
    default: text,
  }) !== text;
}
