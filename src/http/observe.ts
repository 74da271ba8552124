/**
 * Metrics of every request, whatever its path, and its line in the access log, if configured.
 *
 * @module
 */

import type { Fields, Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { toMicroseconds } from "../wire/rounding.ts";
import { describe, type Exchange } from "./exchange.ts";

/** Where requests are reported. */
export interface RequestTelemetry {
  /** Where log lines go. */
  readonly log: Log;
  /** Where metrics are counted. */
  readonly metrics: Pick<Metrics, "rejected" | "requestArrived">;
  /** Whether every request is logged. */
  readonly accessLog: boolean;
}

/** Creates a function that handles a request and reports it. The request counts as active until its answer was sent. */
export function observer(
  { log, metrics, accessLog }: RequestTelemetry,
): (exchange: Exchange, handle: () => Response | Promise<Response>) => Promise<Response> {
  return async (exchange, handle) => {
    const arrivedAt = performance.now();
    const answered = metrics.requestArrived(exchange.method);
    let status = 500;
    let ended = false;
    const end = () => {
      if (ended) return;
      ended = true;
      answered(exchange.route, status);
      exchange.onHandedOver?.();
      if (!about) return;
      log.write("request answered", {
        ...about,
        "http.response.status_code": status,
        duration_sec: toMicroseconds((performance.now() - arrivedAt) / 1000),
      });
    };
    exchange.giveUp = end;
    let about: Fields | undefined;
    try {
      const response = await handle();
      ({ status } = response);
      return response;
    } finally {
      if (accessLog) about = describe(exchange);
      const { completed } = exchange.info;
      if (completed) completed.then(end, end);
      else end();
    }
  };
}
