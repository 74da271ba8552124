/**
 * Metrics of every request, whatever its path, and, if wanted, its line in the log.
 *
 * @module
 */

import type { Fields, Log } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { toMicroseconds } from "../wire/rounding.ts";
import { describe, type Exchange } from "./exchange.ts";

/** Where requests are reported. */
export interface RequestTelemetry {
  /** Where lines go. */
  readonly log: Log;
  /** Where numbers go. */
  readonly metrics: Pick<Metrics, "rejected" | "requestArrived">;
  /** Whether every request has a line. */
  readonly accessLog: boolean;
}

/** A request counts until its answer was handed over. */
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
