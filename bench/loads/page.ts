/**
 * One client that fetches the same page again and again.
 *
 * @module
 */

import { type Address, connect } from "../client.ts";
import { getRequest } from "../request.ts";
import { percentile } from "../statistics.ts";
import { ownCpuMs, runAsProgram } from "./program.ts";

/** What the client does. */
export interface PagePlan {
  /** Where the server listens. */
  readonly address: Address;
  /** Path of the page. */
  readonly path: string;
  /** Measured fetches. */
  readonly fetches: number;
}

/** What the client saw. */
export interface PageResult {
  /** Half of the fetches took no longer. */
  readonly p50Ms: number;
  /** 99 of 100 fetches took no longer. */
  readonly p99Ms: number;
  /** Bytes of the page at the last fetch. */
  readonly bytes: number;
  /** CPU of the client per fetch. */
  readonly clientCpuMsPerFetch: number;
}

/** Fetches before the measured ones: the client's own code is compiled in them. */
const warmUpFetches = 20;

/** Runs the load. Throws an `Error` at the first answer other than 200. */
export async function fetchPage({ address, path, fetches }: PagePlan): Promise<PageResult> {
  const request = getRequest(address, path);
  const milliseconds: number[] = [];
  let bytes = 0;
  let cpuBefore = 0;
  using client = await connect(address);
  for (let i = -warmUpFetches; i < fetches; i++) {
    if (i === 0) cpuBefore = ownCpuMs();
    const sentAt = performance.now();
    const { status, body } = await client.exchange(request);
    if (i >= 0) milliseconds.push(performance.now() - sentAt);
    bytes = body.length;
    if (status !== 200) {
      throw new Error(`answer ${status} of ${path}: ${new TextDecoder().decode(body)}`);
    }
  }
  const clientCpuMsPerFetch = (ownCpuMs() - cpuBefore) / fetches;
  const ascending = milliseconds.toSorted((a, b) => a - b);
  return {
    p50Ms: percentile(ascending, 0.5),
    p99Ms: percentile(ascending, 0.99),
    bytes,
    clientCpuMsPerFetch,
  };
}

await runAsProgram(import.meta, fetchPage);
