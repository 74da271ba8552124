/**
 * The ids by which log lines belong together.
 *
 * @module
 */

import { traceIdsOf } from "../wire/trace_context.ts";
import type { Fields } from "./log.ts";

/** What has such ids: a request over HTTP, or the job that it asked for. */
export interface Identified {
  /** Ties the request, its log lines and its answer together. */
  readonly requestId: string;
  /** Its place in a trace; undefined when it belongs to none. */
  readonly traceparent?: string | undefined;
}

/** The fields that connect a log line with its request and its trace. */
export function idsOf({ requestId, traceparent }: Identified): Fields {
  const { traceId, spanId } = traceIdsOf(traceparent);
  return { request_id: requestId, trace_id: traceId, span_id: spanId };
}
