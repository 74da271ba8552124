/**
 * Which path and method lead where.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import { accepts } from "hono/accepts";
import { requestId } from "hono/request-id";
import type { Admission, JobRequest } from "../job.ts";
import type { RequestTrace } from "../telemetry/trace.ts";
import { encodeStatus, type ServiceStatus, toMicroseconds } from "../wire.ts";
import type { Activity } from "./activity.ts";
import { clientOf, describe, type Env, type Fetch, type Listeners, observer } from "./observe.ts";
import { type PayloadSettings, postPayload } from "./payload.ts";
import { joined } from "./pieces.ts";
import { type Fault, problemAnswer, rejectionOf } from "./problem.ts";

/** What the rest of the program offers to HTTP. */
export interface FrontDoor {
  /** Asks for a place. */
  submit(request: JobRequest): Admission;
  /** Whole seconds after which a refused client may come back. */
  retryAfterSec(): number;
  /** Whether new jobs are admitted. */
  ready(): boolean;
  /** The request's part of a trace; undefined when it belongs to none. */
  beginTrace(headers: Headers): RequestTrace | undefined;
  /** The state of the service, without the bytes that HTTP itself holds. */
  status(): Omit<ServiceStatus, "bufferedBytes" | "ready">;
  /** The page for Prometheus. */
  metricsText(): Promise<string>;
  /** Version of the program. */
  readonly version: string;
}

/** The longest X-Request-Id that is taken over from a client; letters, digits, `_`, `-` and `=` only. */
const maxRequestIdLength = 128;

/** Builds the routes. */
export function createRoutes(
  door: FrontDoor,
  { activity, ...payload }: PayloadSettings & {
    /** Counts the requests that are on their way to a job's answer. */
    readonly activity: Activity;
  },
  listeners: Listeners,
): Fetch {
  const { log, metrics } = listeners;
  const app = new Hono<Env>();
  const observe = observer(listeners);
  const withId = requestId({ limitLength: maxRequestIdLength });

  function answer(c: Context<Env>, fault: Fault): Response {
    const id = c.get("requestId");
    const { status, headers, body, detail } = problemAnswer(fault, id, asksForJson(c));
    const trace = c.get("trace");
    log.info("request refused", {
      request_id: id,
      trace_id: trace?.traceId,
      span_id: trace?.spanId,
      ...describe(c),
      "http.response.status_code": status,
      reason: fault.kind,
      detail,
      queued_sec: "queuedSec" in fault ? toMicroseconds(fault.queuedSec ?? 0) : undefined,
    });
    return c.body(body, status, { ...headers, "cache-control": uncached });
  }

  /** A fault on the way of a job: counted if it is a rejection, and told to the trace. */
  function reject(c: Context<Env>, fault: Fault): Response {
    const reason = rejectionOf(fault);
    if (reason) metrics.rejected(reason);
    const response = answer(c, fault);
    c.get("trace")?.end({
      status: response.status,
      fault: fault.kind,
      leftAfterSec: "queuedSec" in fault ? fault.queuedSec : undefined,
    });
    return response;
  }

  app.use((c, next) => observe(c, () => withId(c, next)));
  app.onError((error, c) => {
    log.error("request handling failed", {
      request_id: c.get("requestId"),
      "exception.stacktrace": error.stack ?? String(error),
    });
    return reject(c as Context<Env>, { kind: "internal" });
  });
  // A server address that ends in a slash makes //payload of /payload; old clients follow redirects for that.
  app.notFound((c) => {
    const path = c.req.path.replace(/\/{2,}/g, "/");
    return path === c.req.path
      ? answer(c as Context<Env>, { kind: "not_found" })
      : c.redirect(path, 308);
  });

  app.post("/payload", async (c) => {
    c.set("onHandedOver", activity.begin());
    const raw = c.req.raw;
    const trace = door.beginTrace(raw.headers);
    c.set("trace", trace);
    const requestId = c.get("requestId");
    const address = () => clientOf(c);
    const outcome = await postPayload({ raw, requestId, trace, address }, payload, door);
    if (outcome.kind !== "ran") return reject(c, outcome);
    trace?.end({ status: 200 });
    return c.body(joined(outcome.body), 200, {
      "content-type": "application/json",
      "cache-control": uncached,
    });
  });
  app.get("/status", (c) => {
    return page(
      c,
      "application/json",
      encodeStatus({ ...door.status(), ready: door.ready(), bufferedBytes: payload.buffers.held }),
    );
  });
  app.get(
    "/metrics",
    async (c) => page(c, "text/plain; version=0.0.4; charset=utf-8", await door.metricsText()),
  );
  app.get(
    "/version",
    (c) => page(c, "application/json", JSON.stringify({ version: door.version }) + "\n"),
  );
  app.get("/livez", (c) => page(c, plainText, "ok\n"));
  app.get("/readyz", (c) => {
    if (door.ready()) return page(c, plainText, readiness(door.status()));
    return answer(c, { kind: "draining", retryAfterSec: door.retryAfterSec() });
  });
  app.all("/payload", (c) => answer(c, { kind: "method_not_allowed", allow: "POST" }));
  for (const path of ["/status", "/metrics", "/version", "/livez", "/readyz"]) {
    app.all(path, (c) => answer(c, { kind: "method_not_allowed", allow: "GET, HEAD" }));
  }
  return (request, info) => app.fetch(request, info ?? {});
}

/** A saturated server is ready all the same: it answers, and says when to come back. */
function readiness({ waiting, queueLimit, workers }: ReturnType<FrontDoor["status"]>): string {
  const saturated = waiting >= queueLimit && workers.every(({ job }) => job);
  return saturated ? `ready, saturated: ${waiting} of ${queueLimit} places are taken\n` : "ready\n";
}

/**
 * An answer is true only now, so nobody may keep it; and it goes out as it is: Deno 2.7.11, which binaries may be made
 * with, would compress it for whoever accepts that, 2.9.6 would not.
 */
const uncached = "no-store, no-transform";

const plainText = "text/plain; charset=utf-8";

/** Whether the client's Accept header prefers JSON; a bare wildcard does not ask for it. */
function asksForJson(c: Context): boolean {
  const text = "text/plain";
  return accepts(c, {
    header: "Accept",
    supports: [text, "application/problem+json", "application/json"],
    default: text,
  }) !== text;
}

/**
 * A page about now. Its length is stated, because the answer to HEAD has no body to measure (RFC 9110, section 8.6).
 */
function page(c: Context, contentType: string, text: string): Response {
  const bytes = new TextEncoder().encode(text);
  return c.body(bytes, 200, {
    "content-type": contentType,
    "content-length": String(bytes.length),
    "cache-control": uncached,
  });
}
