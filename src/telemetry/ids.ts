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

/** The fields that link a log line to its request and its trace. The latter two are undefined without a trace. */
export interface LinkingIds extends Fields {
  /** The id of the request. */
  readonly request_id: string;
  /** The id of the trace, 32 hexadecimal digits. */
  readonly trace_id: string | undefined;
  /** The id of the request's span, 16 hexadecimal digits. */
  readonly span_id: string | undefined;
}

/** The fields that link a log line to its request and its trace. */
export function idsOf({ requestId, traceparent }: Identified): LinkingIds {
  if (traceparent === undefined) {
    return { request_id: requestId, trace_id: undefined, span_id: undefined };
  }
  const { traceId, spanId } = traceIdsOf(traceparent);
  return { request_id: requestId, trace_id: traceId, span_id: spanId };
}
