/**
 * The request that the service is at this moment busy with, in memory that main can look into when the service does not
 * answer any more: a service that is stuck cannot send a message.
 *
 * @module
 */

import { isRequestId, maxRequestIdLength } from "../jobs/job.ts";

/**
 * Does work for a request without waiting for anything, and returns what that returns. It is for stretches that depend on
 * a client's bytes; one inside another belongs to the same request.
 */
export type During = <T>(requestId: string, work: () => T) => T;

/** Nobody looks. */
export function unmarked<T>(_requestId: string, work: () => T): T {
  return work();
}

/** The id's length comes first, 0 for none; then its characters, a byte each. */
const memoryBytes = 1 + maxRequestIdLength;

/** Memory for one service, to be shared with it. */
export function newBusyMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(memoryBytes);
}

/** Marks in the memory what the work is for, as long as it lasts. */
export function markedIn(memory: SharedArrayBuffer): During {
  const bytes = new Uint8Array(memory);
  return (requestId, work) => {
    if (bytes[0] !== 0) return work();
    for (let at = 0; at < requestId.length; at++) bytes[at + 1] = requestId.charCodeAt(at);
    Atomics.store(bytes, 0, requestId.length);
    try {
      return work();
    } finally {
      Atomics.store(bytes, 0, 0);
    }
  };
}

/** The request that is marked; undefined without one, and for what is not a request id: the service may have been taken over. */
export function busyWith(memory: SharedArrayBuffer): string | undefined {
  // A copy, since it may still be written to.
  const [length = 0, ...bytes] = new Uint8Array(memory).slice();
  const text = String.fromCharCode(...bytes.slice(0, length));
  return isRequestId(text) ? text : undefined;
}
