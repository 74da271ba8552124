/**
 * A position in a distributed trace (W3C Trace Context), as plain data.
 *
 * @module
 */

/** The values of the headers with these names. */
export interface TraceContext {
  /** In the supported version: `00-`, the trace id, `-`, the span id, `-` and the flags. */
  readonly traceparent: string;
  /** Data that vendors add; absent if there is none. */
  readonly tracestate?: string;
}

/** The ids in a `traceparent`: of the trace (32 hexadecimal digits) and of the span (16). Both are undefined without one. */
export function traceIdsOf(
  traceparent: string | undefined,
): { readonly traceId: string | undefined; readonly spanId: string | undefined } {
  const [, traceId, spanId] = traceparent?.split("-") ?? [];
  return { traceId, spanId };
}
