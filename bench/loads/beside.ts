/**
 * One client that posts small jobs beside a heavy load, to see how long they wait.
 *
 * @module
 */

import { type Address, connect } from "../client.ts";
import { postRequest } from "../request.ts";
import { percentile } from "../statistics.ts";
import { ownCpuMs, runAsProgram } from "./program.ts";

/** What the client does. */
export interface BesidePlan {
  /** Where jobrunner listens. */
  readonly address: Address;
  /** Bytes of the payload, before base64. */
  readonly bytes: number;
  /** How long the client begins another request after each answer. */
  readonly seconds: number;
  /** Milliseconds from an answer to the next request: this client observes, it is not a load. */
  readonly pauseMs: number;
}

/** What the client saw, in milliseconds. */
export interface BesideResult {
  /** Requests that were answered. */
  readonly requests: number;
  /** From the request's first byte to the answer's last. */
  readonly total: Quantiles;
  /** The part of it in which the command did not run and the job did not wait for a worker. */
  readonly added: Quantiles;
  /** CPU of the client per request. */
  readonly clientCpuMsPerRequest: number;
}

/** Values, in milliseconds. */
export interface Quantiles {
  /** Half of the values are not above it. */
  readonly p50Ms: number;
  /** 99 of 100 values are not above it. */
  readonly p99Ms: number;
  /** The largest. */
  readonly maxMs: number;
}

/** Runs the load. Throws an `Error` at the first answer that is not a result with exit status 0. */
export async function postBeside(plan: BesidePlan): Promise<BesideResult> {
  const { address, seconds, pauseMs } = plan;
  const data = crypto.getRandomValues(new Uint8Array(plan.bytes)).toBase64();
  const request = postRequest({
    address,
    path: "/payload",
    body: `{"id":"beside-{{id}}","data":"${data}"}`,
  });
  const totals: number[] = [];
  const added: number[] = [];
  using client = await connect(address);
  const cpuBefore = ownCpuMs();
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    request.setNumber(totals.length);
    const sentAt = performance.now();
    const { status, body } = await client.exchange(request.bytes);
    const total = performance.now() - sentAt;
    const text = new TextDecoder().decode(body);
    const { elapsed_sec: elapsed, queued_sec: queued, exit_status: exitStatus } = status === 200
      ? JSON.parse(text)
      : {};
    if (exitStatus !== 0) throw new Error(`answer ${status}: ${text.trimEnd()}`);
    totals.push(total);
    added.push(total - (elapsed + queued) * 1000);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  return {
    requests: totals.length,
    total: quantilesOf(totals),
    added: quantilesOf(added),
    clientCpuMsPerRequest: (ownCpuMs() - cpuBefore) / totals.length,
  };
}

function quantilesOf(values: readonly number[]): Quantiles {
  const ascending = values.toSorted((a, b) => a - b);
  return {
    p50Ms: percentile(ascending, 0.5),
    p99Ms: percentile(ascending, 0.99),
    maxMs: ascending.at(-1) ?? 0,
  };
}

await runAsProgram(import.meta, postBeside);
