/**
 * A place in a distributed trace (W3C Trace Context), as plain data.
 *
 * @module
 */

/** What the headers of these names carry. */
export interface TraceContext {
  /** `00-` trace id `-` span id `-` flags, in the version that we know. */
  readonly traceparent: string;
  /** What vendors add; absent when there is nothing. */
  readonly tracestate?: string;
}

/** The ids in a `traceparent`: of the whole trace, 32 hexadecimal digits, and of the span, 16. Undefined without one. */
export function traceIdsOf(
  traceparent: string | undefined,
): { readonly traceId: string | undefined; readonly spanId: string | undefined } {
  const [, traceId, spanId] = traceparent?.split("-") ?? [];
  return { traceId, spanId };
}
