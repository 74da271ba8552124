/**
 * What HTTP asks of the rest of the program.
 *
 * @module
 */

import type { Line } from "../jobs/line.ts";
import type { RequestTrace } from "../telemetry/trace.ts";
import type { ServiceStatus } from "../wire/status.ts";

/** What the rest of the program offers to HTTP. */
export interface FrontDoor {
  /** Asks for a place in the line. */
  readonly reserve: Line["reserve"];
  /** Whole seconds after which a refused client may come back. */
  retryAfterSec(): number;
  /** Whether new jobs are admitted. */
  ready(): boolean;
  /** The request's part of a trace; undefined when it belongs to none. */
  beginTrace(headers: Headers): RequestTrace | undefined;
  /** The state of the service, without the bytes that HTTP itself holds. */
  status(): Omit<ServiceStatus, "buffered" | "ready">;
  /** The page for Prometheus. */
  metricsText(): Promise<string>;
  /** Version of the program. */
  readonly version: string;
}
