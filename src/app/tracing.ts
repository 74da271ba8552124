/**
 * Spans where they are wanted.
 *
 * @module
 */

import type { Config } from "../config/config.ts";
import type { Log } from "../telemetry/log.ts";
import { passingOn, type Tracing } from "../telemetry/trace.ts";
import { version } from "../version.ts";

/** What it takes to record spans is loaded only when they are wanted. */
export async function openTracingOf(
  { tracing, work, http }: Config,
  log: Log,
): Promise<Tracing> {
  if (!tracing) return passingOn;
  const { openTracing } = await import("../telemetry/otlp.ts");
  return openTracing(tracing, {
    version,
    program: work.command.program,
    scheme: http.tls ? "https" : "http",
    address: http.address,
    port: http.port,
  }, log);
}
