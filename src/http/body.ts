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
  | "length_required"
  | "unsupported_encoding"
  | "request_timeout"
  | "buffers_full"
  | "body_unreadable"
  | "client_gone"
  | "draining";

/**
 * The most that a body without a Content-Length (HTTP/1.1 `Transfer-Encoding: chunked`) may hold. The runtime reads such
 * bodies in quadratic time (2.8.3 to 2.9.6 at least, see docs/upstream.md): up to here that costs some milliseconds.
 */
export const maxChunkedBytes: number = 8 * 2 ** 20;

/** The most pieces that `bytes` bytes of such a body may come in: a few small ones, or large ones. */
function mostPieces(bytes: number): number {
  return 1024 + bytes / 4096;
}

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
  if (isEncoded(request.headers)) return refuse("unsupported_encoding");
  const announcement = request.headers.get("content-length") ?? "0";
  // Two of them arrive as "5, 5".
  if (!/^\d+$/.test(announcement)) return refuse("body_unreadable");
  const announced = Number(announcement);
  if (announced > limits.maxBytes) return refuse("too_large");
  if (!share.resize(announced)) return refuse("buffers_full");
  if (!request.body) return { ok: true, bytes: new Uint8Array() };

  const isChunked = request.headers.has("transfer-encoding");
  const pieces = announced < longBodyBytes
    ? inPieces(request.body, announced, isChunked)
    : inPlace(request.body, announced);
  let broken: "request_timeout" | "draining" | undefined;
  const breakOff = (reason: "request_timeout" | "draining") => {
    broken ??= reason;
    pieces.giveUp();
  };
  const onCut = () => breakOff("draining");
  limits.cut.addEventListener("abort", onCut);
  const inTime = limits.deadlines.start(() => breakOff("request_timeout"));
  let count = 0;
  try {
    while (await pieces.next()) {
      if (pieces.length > limits.maxBytes) {
        pieces.giveUp();
        return refuse("too_large");
      }
      if (isChunked && (pieces.length > maxChunkedBytes || ++count > mostPieces(pieces.length))) {
        pieces.giveUp();
        return refuse("length_required");
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

/** Whether the body is compressed or otherwise encoded (RFC 9110, section 8.4). */
function isEncoded(headers: Headers): boolean {
  const codings = headers.get("content-encoding");
  if (codings === null) return false;
  return codings.split(",").some((coding) =>
    !["", "identity"].includes(coding.trim().toLowerCase())
  );
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
  /** Lets go of the rest; a `next` that is under way ends or rejects. */
  giveUp(): void;
}

type Body = ReadableStream<Uint8Array<ArrayBuffer>>;

/**
 * For bodies that are short or of unknown length. A chunked body must not be canceled: the runtime would read the rest of
 * it, in quadratic time. Without its reader nobody reads it.
 */
function inPieces(body: Body, announced: number, isChunked: boolean): Pieces {
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
    giveUp() {
      if (isChunked) reader.releaseLock();
      else reader.cancel().catch(() => {});
    },
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
