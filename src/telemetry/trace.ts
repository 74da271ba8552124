/**
 * A request's place in a distributed trace (W3C Trace Context), whether or not spans are recorded here.
 *
 * @module
 */

import { parseTraceParent } from "@opentelemetry/core";
import type { OutcomeLabel } from "../jobs/job.ts";
import type { TraceContext } from "../wire/trace_context.ts";

/** How a request came out. */
export interface RequestEnd {
  /** Status code of the answer. */
  readonly status: number;
  /** Name of the problem, if the answer is an error. */
  readonly problem?: string | undefined;
  /** Seconds it waited, when it left the line without a run. */
  readonly leftAfterSec?: number | undefined;
}

/** A request that belongs to a trace. */
export interface RequestTrace {
  /** The span that the request is, here or, when nothing is recorded here, at the client. */
  readonly context: TraceContext;
  /** Its answer is known. */
  end(request: RequestEnd): void;
}

/** A run's place in a trace. */
export interface RunTrace {
  /** `TRACEPARENT` and `TRACESTATE` for the command, so that it can join the trace. */
  readonly variables: Readonly<Record<string, string>>;
  /** The run is over. */
  end(run: {
    readonly outcome: OutcomeLabel;
    readonly exitStatus?: number;
    readonly pid?: number | undefined;
    /** Why it could not be run. */
    readonly reason?: string;
  }): void;
}

/** Where traces begin and go. */
export interface Tracing {
  /** A `POST /payload` arrives. Undefined when it belongs to no trace. */
  begin(headers: Headers): RequestTrace | undefined;
  /** A worker took a job of such a request after it had waited. */
  beginRun(context: TraceContext, workerId: number, queuedSec: number): RunTrace;
  /** Sends what is recorded, or gives up within some seconds. */
  close(): Promise<void>;
}

/** The most of a `tracestate` that is handed on (W3C Trace Context, section 3.3.1.5, asks for at least 512 characters). */
const maxTraceStateLength = 8192;

/** Records no spans; passes the request's trace context through to the command. */
export const passingOn: Tracing = {
  begin(headers) {
    const traceparent = headers.get("traceparent");
    if (traceparent === null) return undefined;
    const parent = parseTraceParent(traceparent);
    if (!parent) return undefined;
    const tracestate = headers.get("tracestate") ?? "";
    return {
      context: {
        // In the version that we know, whatever came (W3C Trace Context, section 4.3); of the flags, those that it defines.
        traceparent: `00-${parent.traceId}-${parent.spanId}-0${parent.traceFlags & 3}`,
        ...(/^[\x20-\x7e\t]+$/.test(tracestate) && tracestate.length <= maxTraceStateLength
          ? { tracestate }
          : {}),
      },
      end() {},
    };
  },
  beginRun: (context) => ({ variables: variablesOf(context), end() {} }),
  close: () => Promise.resolve(),
};

/** A context as the environment carries it. */
export function variablesOf({ traceparent, tracestate }: TraceContext): Record<string, string> {
  return {
    TRACEPARENT: traceparent,
    ...(tracestate === undefined ? {} : { TRACESTATE: tracestate }),
  };
}
