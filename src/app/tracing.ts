/**
 * Records spans if tracing is configured.
 *
 * @module
 */

import type { Config } from "../config/config.ts";
import type { Log } from "../telemetry/log.ts";
import { passingOn, type Tracing } from "../telemetry/trace.ts";
import { version } from "../version.ts";

/** Opens tracing. The code that records spans is loaded only if tracing is configured. */
export async function openTracingOf(
  { tracing, http }: Config,
  log: Log,
): Promise<Tracing> {
  if (!tracing) return passingOn;
  const { openTracing } = await import("../telemetry/otlp.ts");
  return openTracing(tracing, {
    version,
    scheme: http.tls ? "https" : "http",
    address: http.address,
    port: http.port,
  }, log);
}
