/**
 * A request's place in a distributed trace (W3C Trace Context), whether or not spans are recorded here.
 *
 * @module
 */

import { parseTraceParent } from "@opentelemetry/core";
import type { Names, OutcomeLabel } from "../jobs/job.ts";
import type { Route } from "../wire/resources.ts";
import type { TraceContext } from "../wire/trace_context.ts";

/** The outcome of a request. */
export interface RequestEnd {
  /** Status code of the answer. */
  readonly status: number;
  /** Name of the problem, if the answer is an error. */
  readonly problem?: string | undefined;
  /** Seconds it waited, if it left the queue without a run. */
  readonly leftAfterSec?: number | undefined;
}

/** What a request for a job was posted to. */
export interface RequestTarget {
  /** The path in the table of resources. */
  readonly route: Route;
  /** The path that the client sent, of limited length. */
  readonly path: string;
}

/** A request that belongs to a trace. */
export interface RequestTrace {
  /** The request's span: its own if spans are recorded here, otherwise the client's. */
  readonly context: TraceContext;
  /** Reports the request's answer. */
  end(request: RequestEnd): void;
}

/** The beginning of a run. */
export interface RunBegin {
  /** Number of the worker, from 1. */
  readonly workerId: number;
  /** Its command and pool; undefined without a configuration file. */
  readonly names: Names | undefined;
  /** Path of the program that it runs. */
  readonly program: string;
  /** Seconds that the job waited; undefined if another machine measures that. */
  readonly queuedSec: number | undefined;
}

/** A run's place in a trace. */
export interface RunTrace {
  /** `TRACEPARENT` and `TRACESTATE` for the command, so that it can join the trace. */
  readonly variables: Readonly<Record<string, string>>;
  /** Reports the end of the run. */
  end(run: {
    readonly outcome: OutcomeLabel;
    readonly exitStatus?: number;
    readonly pid?: number | undefined;
    /** Why it could not be run. */
    readonly reason?: string;
  }): void;
}

/** Where requests and runs are traced. */
export interface Tracing {
  /** Called when a request for a job arrives. Undefined if it belongs to no trace. */
  begin(headers: Headers, target: RequestTarget): RequestTrace | undefined;
  /** Called when a worker takes the job of such a request. */
  beginRun(context: TraceContext, run: RunBegin): RunTrace;
  /**
   * Called when the job of such a request has its result from another machine, which does not know how long the job waited. `queuedSec`:
   * seconds that it waited; `totalSec`: seconds since it began to wait.
   */
  waited(
    context: TraceContext,
    wait: { readonly queuedSec: number; readonly totalSec: number },
  ): void;
  /** Sends the recorded spans, or gives up within some seconds. */
  close(): Promise<void>;
}

/** Maximum length of a `tracestate` that is passed on (W3C Trace Context, section 3.3.1.5, asks for at least 512 characters). */
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
        // In version 00, whatever the client sent (W3C Trace Context, section 4.3), with only the flags that it defines.
        traceparent: `00-${parent.traceId}-${parent.spanId}-0${parent.traceFlags & 3}`,
        ...(/^[\x20-\x7e\t]+$/.test(tracestate) && tracestate.length <= maxTraceStateLength
          ? { tracestate }
          : {}),
      },
      end() {},
    };
  },
  beginRun: (context) => ({ variables: variablesOf(context), end() {} }),
  waited() {},
  close: () => Promise.resolve(),
};

/** The environment variables that carry a context. */
export function variablesOf({ traceparent, tracestate }: TraceContext): Record<string, string> {
  return {
    TRACEPARENT: traceparent,
    ...(tracestate === undefined ? {} : { TRACESTATE: tracestate }),
  };
}
