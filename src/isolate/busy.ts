/**
 * The request that the service is working on, in shared memory: main can read it when the service no longer responds,
 * since a service that hangs cannot send a message.
 *
 * @module
 */

import { isRequestId, maxRequestIdLength } from "../jobs/job.ts";

/**
 * Runs synchronous work for a request and returns its result. For work whose duration depends on a client's bytes; nested
 * calls belong to the same request.
 */
export type During = <T>(requestId: string, work: () => T) => T;

/** Runs the work without marking anything. */
export function unmarked<T>(_requestId: string, work: () => T): T {
  return work();
}

/** The first byte is the length of the id, 0 for none; then its characters follow, one byte each. */
const memoryBytes = 1 + maxRequestIdLength;

/** Creates the memory that main shares with one service. */
export function newBusyMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(memoryBytes);
}

/** Marks the request in the memory while the work runs. */
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

/**
 * The marked request. Undefined if there is none, or if the memory does not hold a request id: an attacker may control the
 * service.
 */
export function busyWith(memory: SharedArrayBuffer): string | undefined {
  // A copy, since the service may still write to it.
  const [length = 0, ...bytes] = new Uint8Array(memory).slice();
  const text = String.fromCharCode(...bytes.slice(0, length));
  return isRequestId(text) ? text : undefined;
}
