/**
 * What is told of every request, whatever its path: its metrics and, if wanted, its line in the log.
 *
 * @module
 */

import type { Fields, Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { RequestTrace } from "../telemetry/trace.ts";

/** An HTTP application: from a request to an answer. Never throws. */
export type Fetch = (request: Request, info?: Handover) => Response | Promise<Response>;

/** What the runtime says of a request and its answer. */
export interface Handover {
  /** Settles when the answer was handed over, or could not be. */
  readonly completed: Promise<void>;
  /** The other end of the connection: the client, or the last proxy before us. */
  readonly remoteAddr: Deno.Addr;
}

/** What handlers share about a request. */
export interface Env {
  /** Of the runtime; absent in tests without a socket. */
  readonly Bindings: Partial<Handover>;
  /** Of the request. */
  readonly Variables: {
    readonly requestId: string;
    readonly trace: RequestTrace | undefined;
    /** Called when the answer was handed over. */
    readonly onHandedOver: (() => void) | undefined;
  };
}

/** A request and, in the end, its answer. */
export interface Exchange {
  /** What the runtime says of it. */
  readonly env: Env["Bindings"];
  /** The request. */
  readonly req: { readonly method: string; readonly path: string };
  /** The answer; true only after the handlers. */
  readonly res: { readonly status: number };
  /** What handlers shared. */
  get<Name extends keyof Env["Variables"]>(name: Name): Env["Variables"][Name];
}

/** Who hears of requests. */
export interface Listeners {
  /** Where lines go. */
  readonly log: Log;
  /** Where numbers go. */
  readonly metrics: Pick<Metrics, "rejected" | "requestArrived">;
  /** Whether every request has a line. */
  readonly accessLog: boolean;
}

/** Paths that exist. A request for any other has no route, so that clients cannot make labels. */
export const knownRoutes: readonly string[] = [
  "/payload",
  "/status",
  "/metrics",
  "/version",
  "/livez",
  "/readyz",
];

const known: ReadonlySet<string> = new Set(knownRoutes);

/** The most of a path and of a method that stands in a log line: clients choose both. */
const maxPathLength = 200;
const maxMethodLength = 20;

/** A request as log lines name it (OpenTelemetry, HTTP attributes). */
export function describe(c: Pick<Exchange, "env" | "req">): Fields {
  return {
    "http.request.method": c.req.method.slice(0, maxMethodLength),
    "url.path": c.req.path.slice(0, maxPathLength),
    "client.address": clientOf(c)?.hostname,
  };
}

/** The client's end of the connection. The runtime does not tell that of a connection that has gone. */
export function clientOf({ env }: Pick<Exchange, "env">): Deno.NetAddr | undefined {
  try {
    const address = env.remoteAddr;
    return address && "hostname" in address ? address : undefined;
  } catch {
    return undefined;
  }
}

/** A request counts until its answer was handed over. */
export function observer(
  { log, metrics, accessLog }: Listeners,
): (c: Exchange, handle: () => Promise<unknown>) => Promise<void> {
  return async (c, handle) => {
    const arrivedAt = performance.now();
    const answered = metrics.requestArrived(c.req.method);
    const about = accessLog ? describe(c) : undefined;
    try {
      await handle();
    } finally {
      onHandedOver(c, () => end(c.res.status));
    }

    function end(status: number): void {
      answered(known.has(c.req.path) ? c.req.path : undefined, status);
      c.get("onHandedOver")?.();
      if (!about) return;
      log.info("request answered", {
        request_id: c.get("requestId"),
        trace_id: c.get("trace")?.traceId,
        span_id: c.get("trace")?.spanId,
        ...about,
        "http.response.status_code": status,
        duration_sec: Math.round((performance.now() - arrivedAt) * 1000) / 1e6,
      });
    }
  };
}

function onHandedOver({ env: { completed } }: Pick<Exchange, "env">, act: () => void): void {
  if (completed) completed.then(act, act);
  else act();
}
