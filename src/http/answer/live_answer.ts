/**
 * What a live answer is to the request that gets it.
 *
 * @module
 */

import type { Deadlines } from "../../async/deadlines.ts";
import type { JobHandle, JobResult } from "../../jobs/job.ts";
import type { LiveFormat } from "../../wire/events.ts";
import type { GivenUpCause } from "./delivery.ts";
import type { Problem } from "./problem.ts";

/** The timeouts of a live answer. */
export interface LiveTimeouts {
  /** How long a listener may take nothing of what is there. */
  readonly answer: Deadlines;
  /** How long pieces of output are joined. */
  readonly join: Deadlines;
  /** How long nothing is sent at most. */
  readonly heartbeat: Deadlines;
}

/** The request that gets a live answer. */
export interface LiveRequest {
  /** The format that the client asked for. */
  readonly format: LiveFormat;
  /** The id that links the request and its answer. */
  readonly requestId: string;
  /** Called if the client disconnects before the answer is complete. The runtime reports this in no other way. */
  onGone(): void;
  /** Called if the answer is given up, with the cause. */
  onGivenUp(cause: GivenUpCause): void;
  /** Called with the bytes of memory that output takes up until the listener has room for it; a negative number gives some back. */
  onHeld(bytes: number): void;
  /** Called once, after each of the others, when all memory was given back: nothing more is sent. */
  onOver(): void;
}

/** How a job ends for its listener: with its result, or with the problem because of which it has none. */
export type LiveEnd = { readonly kind: "ran"; readonly result: JobResult } | Problem;

/** A live answer; its status is 200. Its functions have no effect once it is over. */
export interface LiveAnswer extends Required<Pick<JobHandle, "onStarted" | "onOutput" | "onLost">> {
  /** Its content type, and a header by which proxies send each event on at once. */
  readonly headers: Readonly<Record<string, string>>;
  /** The events. */
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** The job waits, with this position in the queue. No effect once the command has started. */
  queued(place: number): void;
  /** Sends the last event. The result's files are closed when it has been read, or cannot be sent; also if the answer is over. */
  end(end: LiveEnd): void;
  /** Must be called when the runtime reports that the answer was sent. */
  handedOver(): void;
  /** Breaks the answer off. */
  giveUp(cause: GivenUpCause): void;
}
