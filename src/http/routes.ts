/**
 * Which path and method lead where.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import { accepts } from "hono/accepts";
import { getPath } from "hono/utils/url";
import { isRequestId } from "../jobs/job.ts";
import type { Line } from "../jobs/line.ts";
import type { RequestTrace } from "../telemetry/trace.ts";
import { encodeStatus, type ServiceStatus, toMicroseconds } from "../wire/wire.ts";
import type { Activity } from "./activity.ts";
import {
  clientOf,
  describe,
  type Exchange,
  type Fetch,
  knownRoutes,
  type Listeners,
  observer,
} from "./observe.ts";
import type { Answer, Answers } from "./answer/answers.ts";
import type { Buffers } from "./body/buffers.ts";
import { type PayloadSettings, postPayload } from "./resources/payload.ts";
import { allow, type Fault, problemAnswer, rejectionOf } from "./answer/problem.ts";

/** What the rest of the program offers to HTTP. */
export interface FrontDoor {
  /** Asks for a place in the line. */
  readonly reserve: Line["reserve"];
  /** Whole seconds after which a refused client may come back. */
  retryAfterSec(): number;
  /** Whether new jobs are admitted. */
  ready(): boolean;
  /** The request's part of a trace; undefined when it belongs to none. */
  beginTrace(headers: Headers): RequestTrace | undefined;
  /** The state of the service, without the bytes that HTTP itself holds. */
  status(): Omit<ServiceStatus, "buffered" | "ready">;
  /** The page for Prometheus. */
  metricsText(): Promise<string>;
  /** Version of the program. */
  readonly version: string;
}

/** What hono's `c.env` is: the exchange of the request. */
interface Env {
  readonly Bindings: Exchange;
}

/** Builds the routes. Each path has one handler: hono calls a single one without ado. */
export function createRoutes(
  door: FrontDoor,
  { activity, answers, buffers, ...settings }: Omit<PayloadSettings, "largestBody"> & {
    /** Counts the requests that are on their way to a job's answer. */
    readonly activity: Activity;
    /** Hands answers over. */
    readonly answers: Answers;
    /** The budget of all requests together. */
    readonly buffers: Buffers;
  },
  listeners: Listeners,
): Fetch {
  const { log, metrics } = listeners;
  const { during, guard, mayRun } = settings;
  const payload = { ...settings, largestBody: buffers.largestBody };
  // The router takes no empty path, which hono makes of a CONNECT to "?".
  const app = new Hono<Env>({ getPath: (request) => getPath(request) || "?" });
  const observe = observer(listeners);

  function answer(c: Context<Env>, fault: Fault): Response {
    const { requestId } = c.env;
    const { status, headers, body, detail } = during(
      requestId,
      () => problemAnswer(fault, requestId, asksForJson(c)),
    );
    log.info("request refused", {
      ...describe(c.env),
      "http.response.status_code": status,
      reason: fault.kind,
      detail,
      "server.address": fault.kind === "unknown_host"
        ? fault.host?.slice(0, maxHostLength)
        : undefined,
      queued_sec: "queuedSec" in fault ? toMicroseconds(fault.queuedSec ?? 0) : undefined,
    });
    return new Response(body, { status, headers: { ...headers, ...commonHeaders(c.env) } });
  }

  /** A fault on the way of a job: counted if it is a rejection, and told to the trace. */
  function reject(c: Context<Env>, fault: Fault): Response {
    const reason = rejectionOf(fault);
    if (reason) metrics.rejected(reason);
    const response = answer(c, fault);
    c.env.trace?.end({
      status: response.status,
      fault: fault.kind,
      leftAfterSec: "queuedSec" in fault ? fault.queuedSec : undefined,
    });
    return response;
  }

  function hostFault(c: Context<Env>): Fault | undefined {
    return byAnyName.has(c.env.path) ? undefined : guard.hostFault(c.req.raw);
  }

  app.onError((error, c) => {
    log.error("request handling failed", {
      request_id: c.env.requestId,
      "exception.stacktrace": error.stack ?? String(error),
    });
    return reject(c as Context<Env>, { kind: "internal" });
  });
  app.notFound((context) => {
    const c = context as Context<Env>;
    const { exchange, path } = notePath(c);
    const methods = methodsOf(path);
    if (exchange.method === "OPTIONS") {
      return new Response(null, {
        status: 204,
        headers: { ...allow(methods), ...commonHeaders(exchange) },
      });
    }
    const stranger = hostFault(c);
    if (stranger) return answer(c, stranger);
    if (methods !== "") return answer(c, { kind: "method_not_allowed", methods });
    // A server address that ends in a slash makes //payload of /payload; old clients follow redirects for that.
    // What is no URL, such as the target of CONNECT, has no path to be mended.
    const asked = URL.parse(c.req.url)?.pathname ?? path;
    const location = asked.replace(/\/{2,}/g, "/");
    if (location === asked) return answer(c, { kind: "not_found" });
    return new Response(null, { status: 308, headers: { location, ...commonHeaders(exchange) } });
  });

  app.post("/payload", async (c) => {
    const { exchange } = notePath(c);
    const share = buffers.open();
    const over = activity.begin();
    let answer: Answer | undefined = undefined;
    exchange.onHandedOver = () => {
      answer?.handedOver();
      over();
      share.release();
    };
    const { raw } = c.req;
    const trace = door.beginTrace(raw.headers);
    exchange.trace = trace;
    const { requestId } = exchange;
    const address = () => clientOf(exchange);
    const outcome = await postPayload({ raw, requestId, trace, address, share }, payload, door);
    if (outcome.kind !== "ran") {
      share.release();
      return reject(c, outcome);
    }
    trace?.end({ status: 200 });
    const { byteLength } = outcome.body;
    answer = during(requestId, () =>
      answers.begin(outcome.body, {
        share,
        onGivenUp(cause) {
          log.warn("an answer was not read and is given up", { ...describe(exchange), cause });
          exchange.giveUp?.();
        },
      }));
    return new Response(answer.body, {
      headers: {
        "content-type": "application/json",
        "content-length": String(byteLength),
        ...commonHeaders(exchange),
      },
    });
  });

  type Handler = (c: Context<Env>) => Response | Promise<Response>;
  function get(path: string, handle: Handler): void {
    app.get(path, (c) => {
      notePath(c);
      const stranger = hostFault(c);
      return stranger ? answer(c, stranger) : handle(c);
    });
  }
  function whileReady(text: () => string): Handler {
    return (c) => {
      if (door.ready()) return page(c, plainText, text());
      return answer(c, { kind: "draining", retryAfterSec: door.retryAfterSec() });
    };
  }
  get("/status", (c) => {
    const status = { ...door.status(), ready: door.ready(), buffered: buffers.held };
    return page(c, "application/json", encodeStatus(status, mayRun(c.req.raw.headers)));
  });
  get(
    "/metrics",
    async (c) => page(c, "text/plain; version=0.0.4; charset=utf-8", await door.metricsText()),
  );
  get(
    "/version",
    (c) => page(c, "application/json", JSON.stringify({ version: door.version }) + "\n"),
  );
  get("/livez", (c) => page(c, plainText, "ok\n"));
  get("/readyz", whileReady(() => readiness(door.status())));
  get("/", whileReady(() => overview));

  return (request, info = {}) => {
    const requestId = requestIdOf(request.headers);
    const exchange: Exchange = { info, requestId, method: request.method, path: "" };
    return observe(exchange, () => during(requestId, () => app.fetch(request, exchange)));
  };
}

/** Routing has found the path out: all who handle the request may know it. */
function notePath(c: Context<Env>): { readonly exchange: Exchange; readonly path: string } {
  const { path } = c.req;
  c.env.path = path;
  return { exchange: c.env, path };
}

function requestIdOf(headers: Headers): string {
  const given = headers.get("x-request-id");
  return given !== null && isRequestId(given) ? given : crypto.randomUUID();
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

/** What every answer has. */
function commonHeaders({ requestId }: Exchange): Record<string, string> {
  return { "cache-control": uncached, "x-request-id": requestId };
}

/** The most of a host that stands in a log line: names have at most so many characters (RFC 1035, section 2.3.4). */
const maxHostLength = 253;

/** Where balancers look whether the server is there: they often name it by what it is to them. */
const byAnyName: ReadonlySet<string> = new Set(["/", "/livez", "/readyz"]);

/** The methods of a path but OPTIONS, which all have; empty for a path that does not exist. */
function methodsOf(path: string): string {
  if (path === "/payload") return "POST";
  if (knownRoutes.includes(path)) return "GET, HEAD";
  // The server as a whole: OPTIONS * (RFC 9110, section 9.3.7), which the runtime makes a path of.
  return path === "/*" ? "GET, HEAD, POST" : "";
}

const overview =
  "jobrunner: jobs go to POST /payload; GET /status, /metrics, /version, /livez and /readyz\n";

const plainText = "text/plain; charset=utf-8";

/** Whether the client's Accept header prefers JSON; a bare wildcard does not ask for it. */
function asksForJson(c: Context<Env>): boolean {
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
function page(c: Context<Env>, contentType: string, text: string): Response {
  const bytes = new TextEncoder().encode(text);
  return new Response(bytes, {
    headers: {
      "content-type": contentType,
      "content-length": String(bytes.length),
      ...commonHeaders(c.env),
    },
  });
}
