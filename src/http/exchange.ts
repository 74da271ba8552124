/**
 * A request on its way to its answer, with the id that ties both to their log lines.
 *
 * @module
 */

import { isRequestId } from "../jobs/job.ts";
import { idsOf } from "../telemetry/ids.ts";
import type { Fields } from "../telemetry/log.ts";
import type { RequestTrace } from "../telemetry/trace.ts";
import { requestIdHeader } from "../wire/header_names.ts";
import type { Route } from "../wire/resources.ts";

/** An HTTP application: from a request to an answer. Never throws. */
export type Fetch = (request: Request, info?: Partial<Handover>) => Response | Promise<Response>;

/** What the runtime says of a request and its answer. */
export interface Handover {
  /** Settles when the answer was handed over, or could not be. */
  readonly completed: Promise<void>;
  /** The other end of the connection: the client, or the last proxy before us. */
  readonly remoteAddr: Deno.Addr;
}

/** One request in flight, shared by everything that handles it. */
export interface Exchange {
  /** Of the runtime; absent in tests without a socket. */
  readonly info: Partial<Handover>;
  /** Ties its log lines and its answer together. */
  readonly requestId: string;
  /** Its method, as it came. */
  readonly method: string;
  /** Its path; routing sets it. */
  path: string;
  /** The resource that it asks for; routing sets it. Undefined when there is none at its path. */
  route: Route | undefined;
  /** Its part of a trace. */
  trace?: RequestTrace | undefined;
  /** Called once, when the answer was handed over, or was given up. */
  onHandedOver?: () => void;
  /** The answer is given up: the request is over, whenever the runtime comes to the same opinion. */
  giveUp?: () => void;
}

/** An exchange begins. Its id is the client's, if that is short and safe, else a new one. */
export function openExchange(
  { headers, method }: Request,
  info: Partial<Handover>,
): Exchange {
  return { info, requestId: requestIdOf(headers), method, path: "", route: undefined };
}

function requestIdOf(headers: Headers): string {
  const given = headers.get(requestIdHeader);
  return given !== null && isRequestId(given) ? given : crypto.randomUUID();
}

/** The most of a path and of a method that stands in a log line: clients choose both. */
const maxPathLength = 200;
const maxMethodLength = 20;

/** A request as log lines name it: its ids, then OpenTelemetry's HTTP attributes. */
export function describe(exchange: Exchange): Fields {
  return {
    ...idsOf({
      requestId: exchange.requestId,
      traceparent: exchange.trace?.context.traceparent,
    }),
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
