/**
 * What is told of every request, whatever its path: its metrics and, if wanted, its line in the log.
 *
 * @module
 */

import type { Fields, Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { RequestTrace } from "../telemetry/trace.ts";
import { traceIdsOf } from "../wire/trace_context.ts";

/** An HTTP application: from a request to an answer. Never throws. */
export type Fetch = (request: Request, info?: Partial<Handover>) => Response | Promise<Response>;

/** What the runtime says of a request and its answer. */
export interface Handover {
  /** Settles when the answer was handed over, or could not be. */
  readonly completed: Promise<void>;
  /** The other end of the connection: the client, or the last proxy before us. */
  readonly remoteAddr: Deno.Addr;
}

/** A request on its way to its answer, as all who handle it share it. */
export interface Exchange {
  /** Of the runtime; absent in tests without a socket. */
  readonly info: Partial<Handover>;
  /** Ties its log lines and its answer together. */
  readonly requestId: string;
  /** Its method, as it came. */
  readonly method: string;
  /** Its path; routing sets it. */
  path: string;
  /** Its part of a trace. */
  trace?: RequestTrace | undefined;
  /** Called once, when the answer was handed over, or was given up. */
  onHandedOver?: () => void;
  /** The answer is given up: the request is over, whenever the runtime comes to the same opinion. */
  giveUp?: () => void;
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
  "/",
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

/** A request as log lines name it: its ids, then OpenTelemetry's HTTP attributes. */
export function describe(exchange: Exchange): Fields {
  const { traceId, spanId } = traceIdsOf(exchange.trace?.context.traceparent);
  return {
    request_id: exchange.requestId,
    trace_id: traceId,
    span_id: spanId,
    "http.request.method": exchange.method.slice(0, maxMethodLength),
    "url.path": exchange.path.slice(0, maxPathLength),
    "client.address": clientOf(exchange)?.hostname,
  };
}

/** The client's end of the connection. The runtime does not tell that of a connection that has gone. */
export function clientOf({ info }: Exchange): Deno.NetAddr | undefined {
  try {
    const address = info.remoteAddr;
    return address && "hostname" in address ? address : undefined;
  } catch {
    return undefined;
  }
}

/** A request counts until its answer was handed over. */
export function observer(
  { log, metrics, accessLog }: Listeners,
): (exchange: Exchange, handle: () => Response | Promise<Response>) => Promise<Response> {
  return async (exchange, handle) => {
    const arrivedAt = performance.now();
    const answered = metrics.requestArrived(exchange.method);
    let status = 500;
    let ended = false;
    const end = () => {
      if (ended) return;
      ended = true;
      answered(known.has(exchange.path) ? exchange.path : undefined, status);
      exchange.onHandedOver?.();
      if (!about) return;
      log.info("request answered", {
        ...about,
        "http.response.status_code": status,
        duration_sec: Math.round((performance.now() - arrivedAt) * 1000) / 1e6,
      });
    };
    exchange.giveUp = end;
    let about: Fields | undefined;
    try {
      const response = await handle();
      ({ status } = response);
      return response;
    } finally {
      if (accessLog) about = describe(exchange);
      const { completed } = exchange.info;
      if (completed) completed.then(end, end);
      else end();
    }
  };
}
