/**
 * The ids by which log lines belong together.
 *
 * @module
 */

import type { Fields } from "./log.ts";

/** What has such ids: a request over HTTP, or the job that it asked for. */
export interface Identified {
  /** Ties the request, its log lines and its answer together. */
  readonly requestId: string;
  /** Its part of a trace; undefined when it belongs to none. */
  readonly trace?: { readonly traceId: string; readonly spanId: string } | undefined;
}

/** The fields that connect a log line with its request and its trace. */
export function idsOf({ requestId, trace }: Identified): Fields {
  return { request_id: requestId, trace_id: trace?.traceId, span_id: trace?.spanId };
}
