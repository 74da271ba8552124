/**
 * Reading a request's body: bounded in size, in time and by the budget of all requests together.
 *
 * @module
 */

import { createByteBuffer } from "../bytes.ts";
import type { Deadlines } from "../deadlines.ts";
import type { Share } from "./buffers.ts";

/** Bounds of a body. */
export interface BodyLimits {
  /** Largest body; `Infinity` for no limit. */
  readonly maxBytes: number;
  /** The time that a whole body may take. */
  readonly deadlines: Deadlines;
  /** Aborted when the server can wait for no upload any more. */
  readonly cut: AbortSignal;
}

/** The body, or which bound it broke. */
export type BodyOutcome =
  | { readonly ok: true; readonly bytes: Uint8Array<ArrayBuffer> }
  | {
    readonly ok: false;
    readonly fault: BodyFault;
  };

/** Which bound a body broke. */
export type BodyFault =
  | "too_large"
  | "request_timeout"
  | "buffers_full"
  | "body_unreadable"
  | "client_gone"
  | "draining";

/**
 * Reads the body to its end. What Content-Length announces is taken from the budget before the first byte is read;
 * a body of unknown length takes its share as it grows. On failure the rest is not read and the share is released.
 */
export async function readBody(
  request: Request,
  limits: BodyLimits,
  share: Share,
): Promise<BodyOutcome> {
  const refuse = (fault: BodyFault): BodyOutcome => {
    share.release();
    return { ok: false, fault };
  };
  const announcement = request.headers.get("content-length") ?? "0";
  // Two of them arrive as "5, 5".
  if (!/^\d+$/.test(announcement)) return refuse("body_unreadable");
  const announced = Number(announcement);
  if (announced > limits.maxBytes) return refuse("too_large");
  if (!share.resize(announced)) return refuse("buffers_full");
  if (!request.body) return { ok: true, bytes: new Uint8Array() };

  const pieces = announced < longBodyBytes
    ? inPieces(request.body, announced)
    : inPlace(request.body, announced);
  let broken: "request_timeout" | "draining" | undefined;
  const breakOff = (reason: "request_timeout" | "draining") => {
    broken ??= reason;
    pieces.giveUp();
  };
  const onCut = () => breakOff("draining");
  limits.cut.addEventListener("abort", onCut);
  const inTime = limits.deadlines.start(() => breakOff("request_timeout"));
  try {
    while (await pieces.next()) {
      if (pieces.length > limits.maxBytes) {
        pieces.giveUp();
        return refuse("too_large");
      }
      if (pieces.capacity > announced && !share.resize(pieces.capacity)) {
        pieces.giveUp();
        return refuse("buffers_full");
      }
    }
  } catch {
    // The runtime tells of one error only, the connection's; the request's signal is not aborted yet.
    return refuse(broken ?? "client_gone");
  } finally {
    inTime();
    limits.cut.removeEventListener("abort", onCut);
  }
  if (broken) return refuse(broken);
  return { ok: true, bytes: pieces.bytes() };
}

/** A body that is being read. */
interface Pieces {
  /** Reads some more; false at the end. Rejects when the connection breaks. */
  next(): Promise<boolean>;
  /** Bytes read so far. */
  readonly length: number;
  /** Bytes of memory that it takes. */
  readonly capacity: number;
  /** Everything read. */
  bytes(): Uint8Array<ArrayBuffer>;
  /** Lets go of the rest. */
  giveUp(): void;
}

type Body = ReadableStream<Uint8Array<ArrayBuffer>>;

/** For bodies that are short, or nobody knows how long. */
function inPieces(body: Body, announced: number): Pieces {
  const reader = body.getReader();
  const buffer = createByteBuffer(announced);
  return {
    async next() {
      const { done, value } = await reader.read();
      if (value) buffer.append(value);
      return !done;
    },
    get length() {
      return buffer.length;
    },
    get capacity() {
      return buffer.capacity;
    },
    bytes: () => buffer.bytes(),
    giveUp: () => void reader.cancel().catch(() => {}),
  };
}

/** From this length on a body is read into the place where it stays. */
const longBodyBytes = 64 * 1024;

/** More would have the runtime make a buffer of that size of its own. */
const readBytes = 256 * 1024;

/** Reads a body of a known length without a copy. The system gives the memory only as it is written to. */
function inPlace(body: Body, announced: number): Pieces {
  const reader = body.getReader({ mode: "byob" });
  // One byte more, since the end is told only to who has room for another.
  let memory = new ArrayBuffer(announced + 1);
  let length = 0;
  return {
    async next() {
      const room = Math.min(readBytes, memory.byteLength - length);
      const { done, value } = await reader.read(new Uint8Array(memory, length, room));
      // Who gives up does not get the memory back.
      memory = value?.buffer ?? new ArrayBuffer(0);
      if (value) length += value.length;
      return !done;
    },
    get length() {
      return length;
    },
    get capacity() {
      return announced;
    },
    bytes: () => new Uint8Array(memory, 0, length),
    giveUp: () => void reader.cancel().catch(() => {}),
  };
}
