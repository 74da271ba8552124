/**
 * Answers requests over NATS at once, from this process, which does nothing else meanwhile.
 *
 * @module
 */

import type { Address } from "./client.ts";
import { openConnection } from "./loads/round_trips.ts";

/** Answers each request on that subject with what it holds, until it is disposed of. */
export async function answerRequests(address: Address, subject: string): Promise<AsyncDisposable> {
  const link = await openConnection(address);
  link.subscribe(subject, ({ reply, data }) => link.publish(reply, data));
  return { [Symbol.asyncDispose]: () => link.close() };
}
