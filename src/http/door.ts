/**
 * What HTTP needs from the rest of the program.
 *
 * @module
 */

import type { Line } from "../jobs/line.ts";
import type { RequestTrace } from "../telemetry/trace.ts";
import type { ServiceStatus } from "../wire/status.ts";

/** What the rest of the program offers to HTTP. */
export interface FrontDoor {
  /** Asks for a place in the queue. */
  readonly reserve: Line["reserve"];
  /** Whole seconds after which a refused client may retry. */
  retryAfterSec(): number;
  /** Whether new jobs are admitted. */
  ready(): boolean;
  /** Begins the request's part of a trace; undefined if it belongs to none. */
  beginTrace(headers: Headers): RequestTrace | undefined;
  /** The state of the service, without what HTTP itself knows. */
  status(): Omit<ServiceStatus, "buffered" | "ready">;
  /** The metrics, in Prometheus text format. */
  metricsText(): Promise<string>;
  /** Version of the program. */
  readonly version: string;
}
