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
  readonly metrics: Pick<Metrics, "rejected" | "requestArrived" | "requestAnswered">;
  /** Whether every request is logged. */
  readonly accessLog: boolean;
}

/** Creates a function that handles a request and reports it. The request counts as active until its answer was sent. */
export function observer(
  telemetry: RequestTelemetry,
): (exchange: Exchange, handle: () => Response | Promise<Response>) => Promise<Response> {
  return async (exchange, handle) => {
    const request = new ObservedRequest(exchange, telemetry);
    try {
      const response = await handle();
      request.status = response.status;
      return response;
    } finally {
      request.handled();
    }
  };
}

/** A request from its arrival until its answer was sent. A class, because there is one for every request. */
class ObservedRequest {
  /** The status code of its answer. */
  status = 500;
  readonly #exchange: Exchange;
  readonly #telemetry: RequestTelemetry;
  readonly #arrivedAt = performance.now();
  /** Its fields in the access log, if that is configured. */
  #about: Fields | undefined;
  #ended = false;

  constructor(exchange: Exchange, telemetry: RequestTelemetry) {
    this.#exchange = exchange;
    this.#telemetry = telemetry;
    telemetry.metrics.requestArrived(exchange.method);
    exchange.giveUp = this.#end;
  }

  /** Called when the answer is known, or the handler has failed. */
  handled(): void {
    const { completed } = this.#exchange.info;
    if (this.#telemetry.accessLog) this.#about = describe(this.#exchange);
    if (completed) completed.then(this.#end, this.#end);
    else this.#end();
  }

  readonly #end = (): void => {
    if (this.#ended) return;
    this.#ended = true;
    const { method, route, onHandedOver } = this.#exchange;
    const seconds = (performance.now() - this.#arrivedAt) / 1000;
    this.#telemetry.metrics.requestAnswered(method, route, this.status, seconds);
    onHandedOver?.();
    if (!this.#about) return;
    this.#telemetry.log.write("request answered", {
      ...this.#about,
      "http.response.status_code": this.status,
      token: this.#exchange.token,
      duration_sec: toMicroseconds(seconds),
    });
  };
}
