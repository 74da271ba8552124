/**
 * A request in flight, with the id that links it and its answer to their log lines.
 *
 * @module
 */

import { isRequestId, type Names } from "../jobs/job.ts";
import { idsOf } from "../telemetry/ids.ts";
import type { Fields } from "../telemetry/log.ts";
import type { RequestTrace } from "../telemetry/trace.ts";
import { requestIdHeader } from "../wire/header_names.ts";
import type { Route } from "../wire/resources.ts";
import type { ClientAddressOf } from "./forwarded.ts";

/** An HTTP application: answers a request. Never throws. */
export type Fetch = (request: Request, info?: Partial<Handover>) => Response | Promise<Response>;

/** What the runtime reports about a request and its answer. */
export interface Handover {
  /** Settles when the answer was sent, or could not be. */
  readonly completed: Promise<void>;
  /** The other end of the connection: the client, or the last proxy before us. */
  readonly remoteAddr: Deno.Addr;
}

/** One request in flight, shared by everything that handles it. */
export interface Exchange {
  /** What the runtime reports; empty in tests without a socket. */
  readonly info: Partial<Handover>;
  /** The id that links its log lines and its answer. */
  readonly requestId: string;
  /** Its method, as sent by the client. */
  readonly method: string;
  /** Its path; routing sets it. */
  path: string;
  /** The requested resource; routing sets it. Undefined if there is none at the path. */
  route: Route | undefined;
  /** The names of the command that it is for, once known. */
  names: Names | undefined;
  /** Name of the token that it was sent with, once known; undefined where tokens are not in use. */
  token: string | undefined;
  /** The client behind a trusted proxy; undefined if it is not known whether there is one. */
  readonly forwarded: { readonly address: string | undefined } | undefined;
  /** Its part of a trace. */
  trace: RequestTrace | undefined;
  /** Called once, when the answer was sent or given up. */
  onHandedOver: (() => void) | undefined;
  /** Ends the request because its answer was given up, without waiting for the runtime to report that. */
  giveUp: (() => void) | undefined;
}

/**
 * Opens an exchange. Its id is the client's if that is short and safe, otherwise a new one. Without `addressOf`, no proxy is
 * trusted.
 */
export function openExchange(
  { headers, method }: Request,
  info: Partial<Handover>,
  addressOf?: ClientAddressOf,
): Exchange {
  return {
    info,
    forwarded: addressOf && { address: addressOf(headers, clientOf({ info })?.hostname) },
    requestId: requestIdOf(headers),
    method,
    path: "",
    route: undefined,
    names: undefined,
    token: undefined,
    trace: undefined,
    onHandedOver: undefined,
    giveUp: undefined,
  };
}

function requestIdOf(headers: Headers): string {
  const given = headers.get(requestIdHeader);
  return given !== null && isRequestId(given) ? given : crypto.randomUUID();
}

/** Maximum length of a path and of a method in a log line or a span: clients choose both. */
const maxPathLength = 200;
const maxMethodLength = 20;

/** The fields of a request in log lines: its ids, then OpenTelemetry's HTTP attributes. */
export function describe(exchange: Exchange): Fields {
  return {
    ...idsOf({
      requestId: exchange.requestId,
      traceparent: exchange.trace?.context.traceparent,
    }),
    "http.request.method": exchange.method.slice(0, maxMethodLength),
    "url.path": shownPath(exchange),
    ...addressesOf(exchange),
  };
}

/** The client's address and, behind a trusted proxy, that of the proxy. */
function addressesOf(exchange: Exchange): Fields {
  const peer = clientOf(exchange)?.hostname;
  const client = clientAddressOf(exchange);
  if (client === peer) return { "client.address": client };
  return { "client.address": client, "network.peer.address": peer };
}

/** The client's IP address, also behind trusted proxies; undefined if it is not known. */
export function clientAddressOf(
  { info, forwarded }: Pick<Exchange, "info" | "forwarded">,
): string | undefined {
  return forwarded ? forwarded.address : clientOf({ info })?.hostname;
}

/** The path as logs and traces show it. */
export function shownPath({ path }: Exchange): string {
  return path.slice(0, maxPathLength);
}

/** The other end of the connection. The runtime does not report it once the connection is closed. */
export function clientOf({ info }: Pick<Exchange, "info">): Deno.NetAddr | undefined {
  try {
    const address = info.remoteAddr;
    return address && "hostname" in address ? address : undefined;
  } catch {
    return undefined;
  }
}
