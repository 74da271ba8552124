/**
 * Builds the HTTP application from the table of resources: it decides which handler answers which request.
 *
 * @module
 */

import { RegExpRouter } from "hono/router/reg-exp-router";
import { getPath } from "hono/utils/url";
import {
  commandRoute,
  payloadPath,
  resources,
  type Route,
  routesOf,
  runCommandRoute,
  runPath,
  scopeOf,
} from "../wire/resources.ts";
import { createErrorAnswers } from "./answer/error_answers.ts";
import type { FrontDoor } from "./door.ts";
import { malformedHost } from "./guard.ts";
import type { ClientAddressOf } from "./forwarded.ts";
import { type Exchange, type Fetch, openExchange } from "./exchange.ts";
import type { Call, Handler, Handlers } from "./handler.ts";
import { observer, type RequestTelemetry } from "./observe.ts";
import { commands } from "./resources/commands.ts";
import { livez, readyz } from "./resources/health.ts";
import { metrics } from "./resources/metrics.ts";
import { overview } from "./resources/overview.ts";
import { type JobParts, jobRequests } from "./resources/job_request.ts";
import { postPayload } from "./resources/payload.ts";
import { postRun } from "./resources/run.ts";
import { status } from "./resources/status.ts";
import { version } from "./resources/version.ts";
import { optionsAnswer, unservedAnswer } from "./unserved.ts";

/** What the routes need besides the front door. */
export interface RouteParts extends JobParts {
  /** Finds out the address of a client; undefined if no proxy is trusted. */
  readonly addressOf?: ClientAddressOf | undefined;
}

/** Builds the routes. Each path has one handler. */
export function createRoutes(
  door: FrontDoor,
  parts: RouteParts,
  telemetry: RequestTelemetry,
): Fetch {
  const { guard, access, during, addressOf } = parts;
  const errors = createErrorAnswers(telemetry, during);
  const observe = observer(telemetry);
  const jobs = jobRequests(door, errors, parts, telemetry.log);
  const payload = { POST: jobs(payloadPath, postPayload) };
  const run = { POST: jobs(runPath, postRun) };
  const handlers: { readonly [R in Route]: Handlers<R> } = {
    "/": overview(door, errors),
    [payloadPath]: payload,
    [commandRoute]: payload,
    [runPath]: run,
    [runCommandRoute]: run,
    "/commands": commands(door),
    "/status": status(door, parts),
    "/metrics": metrics(door),
    "/version": version(door),
    "/livez": livez(),
    "/readyz": readyz(door, errors),
  };

  /** Creates the handler of all requests for one path; without a route, of those for paths that do not exist. */
  function serve(route: Route | undefined): Handler {
    const who = route === undefined ? "own_host" : resources[route].who;
    const scope = route === undefined ? undefined : scopeOf(route);
    const byMethod = new Map<string, Handler>(route && Object.entries(handlers[route]));
    return (c) => {
      const { env } = c;
      env.path = c.req.path;
      env.route = route;
      const handle = byMethod.get(env.method === "HEAD" ? "GET" : env.method);
      // A refused job is counted and traced, so the resource itself checks host, page, and password or token.
      if (handle && who === "password") return handle(c);
      if (env.method === "OPTIONS") return optionsAnswer(c);
      const refusal = who === "anybody" ? undefined : guard.hostRefusal(c.req.raw);
      if (refusal) return errors.answer(c, refusal);
      if (handle && scope && access.byToken) {
        const caller = access.admit(c.req.raw.headers, scope, env);
        if ("kind" in caller) return errors.answer(c, caller);
      }
      return handle ? handle(c) : unservedAnswer(c, errors);
    };
  }

  // Of hono only the router: its application makes a context for each request, and nothing here needs that.
  const router = new RegExpRouter<Handler>();
  for (const route of routesOf(door.named)) router.add("ALL", patternOf(route), serve(route));
  const serveUnknown = serve(undefined);

  async function answer(request: Request, exchange: Exchange): Promise<Response> {
    const malformed = malformedHost(request);
    if (malformed) {
      return errors.answer({ env: exchange, req: { raw: request, path: "" } }, malformed);
    }
    // For CONNECT to "?" hono makes an empty path, which the router does not accept.
    const path = getPath(request) || "?";
    const call: Call = { env: exchange, req: { raw: request, path } };
    let response: Response;
    try {
      const handle = router.match("ALL", path)[0][0]?.[0] ?? serveUnknown;
      response = await handle(call);
    } catch (error) {
      telemetry.log.write("request handling failed", {
        request_id: exchange.requestId,
        "exception.stacktrace": (error as Error | undefined)?.stack ?? String(error),
      });
      response = errors.answerJob(call, { kind: "internal" });
    }
    return exchange.method === "HEAD" ? new Response(null, response) : response;
  }

  return (request, info = {}) => {
    const exchange = openExchange(request, info, addressOf);
    return observe(
      exchange,
      () => during(exchange.requestId, () => answer(request, exchange)),
    );
  };
}

/** The path of a row as hono writes it. */
function patternOf(route: Route): string {
  return route.replace(/\{(\w+)\}/g, ":$1");
}
