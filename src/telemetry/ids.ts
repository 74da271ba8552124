/**
 * The ids that link log lines.
 *
 * @module
 */

import { traceIdsOf } from "../wire/trace_context.ts";
import type { Fields } from "./log.ts";

/** Something with such ids: an HTTP request, or the job that it asked for. */
export interface Identified {
  /** The id that links the request, its log lines and its answer. */
  readonly requestId: string;
  /** Its place in a trace; undefined if it belongs to none. */
  readonly traceparent?: string | undefined;
}

/** The fields that link a log line to its request and its trace. */
export function idsOf({ requestId, traceparent }: Identified): Fields {
  const { traceId, spanId } = traceIdsOf(traceparent);
  return { request_id: requestId, trace_id: traceId, span_id: spanId };
}
