/**
 * Requests over NATS that another process answers at once, one after the other.
 *
 * @module
 */

import { openLink } from "../../src/cluster/nats.ts";
import type { Link } from "../../src/cluster/link.ts";
import type { Address } from "../client.ts";
import { percentile } from "../statistics.ts";
import { runAsProgram } from "./program.ts";

/** What is asked. */
export interface RoundTripsPlan {
  /** Where the NATS server listens. */
  readonly address: Address;
  /** Subject of the requests. */
  readonly subject: string;
  /** Number of requests. */
  readonly requests: number;
  /** Length of each. */
  readonly bytes: number;
}

/** How long it took. */
export interface RoundTripsResult {
  /** Half of the answers took no longer. */
  readonly p50Ms: number;
  /** 99 of 100 answers took no longer. */
  readonly p99Ms: number;
}

/** Far more than an answer takes, in milliseconds. */
const timeoutMs = 5000;

/** Opens a connection to a NATS server and waits until it can be used. */
export async function openConnection({ hostname, port }: Address): Promise<Link> {
  const settings = {
    servers: [`${hostname}:${port}`],
    tls: undefined,
    credentials: { kind: "none" },
    name: "bench",
  } as const;
  const link = openLink(settings, ({ message }) => console.error(message));
  await new Promise<void>((resolve) => link.onChange(resolve));
  return link;
}

/** Sends the requests. */
export async function askForAnswers(plan: RoundTripsPlan): Promise<RoundTripsResult> {
  const { address, subject, requests } = plan;
  const link = await openConnection(address);
  const data = new Uint8Array(plan.bytes);
  const times = new Float64Array(requests);
  for (let index = 0; index < requests; index++) {
    const sentAt = performance.now();
    await link.request(subject, data, timeoutMs);
    times[index] = performance.now() - sentAt;
  }
  await link.close();
  times.sort();
  return { p50Ms: percentile(times, 0.5), p99Ms: percentile(times, 0.99) };
}

await runAsProgram(import.meta, askForAnswers);
