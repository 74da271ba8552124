/**
 * Spans of requests, waits and runs, exported by OTLP over HTTP. Imported only when an endpoint is configured.
 *
 * @module
 */

import {
  type Context,
  diag,
  DiagLogLevel,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { atMost } from "../async/at_most.ts";
import type { TracingConfig } from "../config/config.ts";
import { withoutUrlSecrets } from "../config/shown.ts";
import type { Log } from "./log.ts";
import type { TraceContext } from "../wire/trace_context.ts";
import { type RunBegin, type RunTrace, type Tracing, variablesOf } from "./trace.ts";

/** What spans state about the server. */
export interface SpanSource {
  /** Version of the program. */
  readonly version: string;
  /** Scheme of its URL. */
  readonly scheme: "http" | "https";
  /** Address to listen on. */
  readonly address: string;
  /** Port to listen on; 0 if the system chooses one. */
  readonly port: number;
}

/** How long the last spans may take to be sent when the server stops. */
const closeMs = 2000;

/** Starts to record spans. The exporter itself reads the other `OTEL_EXPORTER_OTLP_*` variables. */
export function openTracing(config: TracingConfig, source: SpanSource, log: Log): Tracing {
  const warn = (what: string | Error) => log.write("tracing", { detail: detailOf(what) });
  diag.setLogger({
    error: warn,
    warn,
    info() {},
    debug() {},
    verbose() {},
  }, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const exporter = config.protocol === "http/json" ? new JsonExporter() : new ProtobufExporter();
  const provider = new TracerProvider({
    sampler: samplerOf(config.sampler),
    resource: resourceFromAttributes({
      "service.name": "jobrunner",
      "service.version": source.version,
    }).merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [
      new BatchSpanProcessor({ exporter, scheduledDelayMillis: config.scheduleDelayMs }),
    ],
  });
  const tracer = provider.getTracer("jobrunner", source.version);
  const propagator = new W3CTraceContextPropagator();
  const serverAttributes = {
    "url.scheme": source.scheme,
    "server.address": source.address,
    ...(source.port === 0 ? {} : { "server.port": source.port }),
  };

  /** A wait that ended so many seconds ago. */
  function wait(request: Context, queuedSec: number, problem?: string, agoSec = 0): void {
    const end = Date.now() - agoSec * 1000;
    const span = tracer.startSpan("wait", { startTime: end - queuedSec * 1000 }, request);
    if (problem !== undefined) fail(span, problem);
    span.end(end);
  }

  /** The trace context of a span, as plain data. */
  function contextOf(span: Span): TraceContext {
    const carrier: { traceparent: string; tracestate?: string } = { traceparent: "" };
    propagator.inject(trace.setSpan(ROOT_CONTEXT, span), carrier, {
      set: (carrier, name, value) => void (carrier[name as keyof TraceContext] = value),
    });
    return carrier;
  }

  /** The reverse. `isRemote`: whether the request came to another process, as receivers are told. */
  function requestAt(context: TraceContext, isRemote = false): Context {
    const extracted = propagator.extract(ROOT_CONTEXT, context, {
      get: (carrier, name) => carrier[name as keyof TraceContext],
      keys: (carrier) => Object.keys(carrier),
    });
    const span = trace.getSpanContext(extracted);
    return span ? trace.setSpanContext(ROOT_CONTEXT, { ...span, isRemote }) : extracted;
  }

  function beginRun(
    context: TraceContext,
    { workerId, names, program, queuedSec }: RunBegin,
  ): RunTrace {
    const request = requestAt(context, queuedSec === undefined);
    if (queuedSec !== undefined) wait(request, queuedSec);
    const span = tracer.startSpan("run", {
      attributes: {
        "jobrunner.worker.id": workerId,
        ...(names ? { "jobrunner.command": names.command, "jobrunner.pool": names.pool } : {}),
        "process.executable.path": program,
        "process.executable.name": program.split(/[\\/]/).pop() ?? "",
      },
    }, request);
    return {
      variables: variablesOf(contextOf(span)),
      end({ outcome, exitStatus, pid, reason }) {
        span.setAttribute("jobrunner.job.outcome", outcome);
        if (exitStatus !== undefined) span.setAttribute("process.exit.code", exitStatus);
        if (pid !== undefined) span.setAttribute("process.pid", pid);
        if (outcome !== "success") fail(span, outcome, reason);
        span.end();
      },
    };
  }

  return {
    begin(headers, { route, path }) {
      const parent = propagator.extract(ROOT_CONTEXT, headers, {
        get: (carrier, name) => carrier.get(name) ?? undefined,
        keys: (carrier) => [...carrier.keys()],
      });
      const span = tracer.startSpan(`POST ${route}`, {
        kind: SpanKind.SERVER,
        attributes: {
          "http.request.method": "POST",
          "http.route": route,
          "url.path": path,
          ...serverAttributes,
        },
      }, parent);
      const request = trace.setSpan(parent, span);
      return {
        context: contextOf(span),
        end({ status, problem, leftAfterSec }) {
          if (leftAfterSec !== undefined) wait(request, leftAfterSec, problem);
          span.setAttribute("http.response.status_code", status);
          if (problem !== undefined) span.setAttribute("error.type", problem);
          // A server's span is in error for 5xx only (OpenTelemetry, "Semantic conventions for HTTP spans").
          if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
          span.end();
        },
      };
    },
    beginRun,
    waited: (context, { queuedSec, totalSec }) =>
      wait(requestAt(context), queuedSec, undefined, totalSec - queuedSec),
    close: () => atMost(closeMs, provider.shutdown().catch(warn)),
  };
}

/** Maximum length of an exporter message in a log line. */
const maxDetailLength = 300;

/**
 * The part of an SDK message that may be logged. The SDK reports an error as JSON with all its details, or throws it; its
 * name, code and message are enough. If the receiver refused the spans, the message is the receiver's text, which may repeat
 * a header or a password, so it is left out. Passwords in URLs are removed too.
 */
export function detailOf(what: string | Error): string {
  return withoutUrlSecrets(whatWentWrong(what)).slice(0, maxDetailLength);
}

function whatWentWrong(what: string | Error): string {
  try {
    const { name = "", message = "", code = "" } = what instanceof Error
      ? what as Error & { readonly code?: unknown }
      : JSON.parse(what);
    return [name, name === "OTLPExporterError" ? "" : message, code].filter(Boolean).join(" ");
  } catch {
    return String(what);
  }
}

function fail(span: Span, type: string, message?: string): void {
  span.setAttribute("error.type", type);
  span.setStatus({ code: SpanStatusCode.ERROR, ...(message === undefined ? {} : { message }) });
}

function samplerOf({ name, ratio }: TracingConfig["sampler"]): Sampler {
  const parentBased = name.startsWith("parentbased_");
  const root = rootSampler(name.replace("parentbased_", ""), ratio);
  return parentBased ? new ParentBasedSampler({ root }) : root;
}

function rootSampler(name: string, ratio: number): Sampler {
  switch (name) {
    case "always_off":
      return new AlwaysOffSampler();
    case "traceidratio":
      return new TraceIdRatioBasedSampler(ratio);
    default:
      return new AlwaysOnSampler();
  }
}
