/**
 * Reading a request's body: bounded in size, in time and by the budget of all requests together.
 *
 * @module
 */

import { createByteBuffer } from "../../async/bytes.ts";
import type { Deadlines } from "../../async/deadlines.ts";
import type { Share } from "./buffers.ts";

/** Bounds of a body. */
export interface BodyLimits {
  /** Largest body; `Infinity` for no limit. */
  readonly maxBytes: number;
  /** The periods in each of which `leastBytesPerSec` must come. */
  readonly periods: Deadlines;
  /** Aborted when the server can wait for no upload any more. */
  readonly cut: AbortSignal;
}

/** The body, or which bound it broke. */
export type BodyOutcome =
  | { readonly ok: true; readonly bytes: Uint8Array<ArrayBuffer> }
  | {
    readonly ok: false;
    readonly refusal: BodyRefusal;
  };

/** Which bound a body broke. */
export type BodyRefusal =
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

/** The slowest that a body may come, in bytes per second. */
export const leastBytesPerSec: number = 16 * 1024;

/**
 * Reads the body to its end. The share holds what has arrived and the piece that is being read; what is announced only has
 * to fit in at the beginning. On failure the rest is not read and the share is released.
 */
export async function readBody(
  request: Request,
  limits: BodyLimits,
  share: Share,
): Promise<BodyOutcome> {
  const refuse = (refusal: BodyRefusal): BodyOutcome => {
    share.release();
    return { ok: false, refusal };
  };
  if (isEncoded(request.headers)) return refuse("unsupported_encoding");
  const announcement = request.headers.get("content-length") ?? "0";
  // Two of them arrive as "5, 5".
  if (!/^\d+$/.test(announcement)) return refuse("body_unreadable");
  const announced = Number(announcement);
  if (announced > limits.maxBytes) return refuse("too_large");
  if (!share.expect(announced)) return refuse("buffers_full");
  if (!request.body) return { ok: true, bytes: new Uint8Array() };

  const isChunked = request.headers.has("transfer-encoding");
  const pieces = announced < longBodyBytes
    ? inPieces(request.body, announced, isChunked)
    : inPlace(request.body, announced);
  let broken: "request_timeout" | "buffers_full" | "draining" | undefined;
  const breakOff = (reason: NonNullable<typeof broken>) => {
    broken ??= reason;
    pieces.giveUp();
  };
  const onCut = () => breakOff("draining");
  limits.cut.addEventListener("abort", onCut);
  const paced = keepPace(pieces, limits.periods, share, breakOff);
  let count = 0;
  try {
    for (;;) {
      if (broken) return refuse(broken);
      if (!share.resize(pieces.held)) {
        pieces.giveUp();
        return refuse("buffers_full");
      }
      if (!await pieces.next()) break;
      if (pieces.length > limits.maxBytes) {
        pieces.giveUp();
        return refuse("too_large");
      }
      if (isChunked && (pieces.length > maxChunkedBytes || ++count > mostPieces(pieces.length))) {
        pieces.giveUp();
        return refuse("length_required");
      }
    }
  } catch (error) {
    if (error instanceof RangeError) {
      pieces.giveUp();
      // There is no more memory, whatever the budget says.
      return refuse("buffers_full");
    }
    // The runtime tells of one error only, the connection's; the request's signal is not aborted yet.
    return refuse(broken ?? "client_gone");
  } finally {
    paced();
    limits.cut.removeEventListener("abort", onCut);
  }
  if (broken) return refuse(broken);
  share.keep();
  share.resize(pieces.length);
  return { ok: true, bytes: pieces.bytes() };
}

/**
 * Ends an upload in which less than `leastBytesPerSec` have come in a period. After the first period it may be let go for
 * others as well. Ends when what is returned is called.
 */
function keepPace(
  pieces: Pieces,
  periods: Deadlines,
  share: Share,
  breakOff: (reason: "request_timeout" | "buffers_full") => void,
): () => void {
  const due = leastBytesPerSec * periods.ms / 1000;
  let before = 0;
  let stop = periods.start(onOver);
  function onOver(): void {
    if (pieces.length - before < due) return breakOff("request_timeout");
    if (before === 0) share.lend(() => breakOff("buffers_full"));
    before = pieces.length;
    stop = periods.start(onOver);
  }
  return () => stop();
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
  /** Bytes that it holds: what was read, and what is set aside for the next piece. */
  readonly held: number;
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
    get held() {
      return buffer.length;
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
const mostReadBytes = 256 * 1024;

/** Who has sent nothing yet holds next to nothing. */
const leastReadBytes = 16 * 1024;

/**
 * A place for what is in a full one, and for more: sixteen times as much, or all that is to come where that is more than half.
 * What is copied is little then, and what is reserved in vain is no real memory: the system gives that as it is written to.
 * (`transfer` to a larger size would write to all of it.)
 */
function grown(full: ArrayBuffer, most: number): ArrayBuffer {
  const wanted = 16 * full.byteLength;
  const larger = new ArrayBuffer(2 * wanted < most ? wanted : most);
  new Uint8Array(larger).set(new Uint8Array(full));
  full.transfer(0);
  return larger;
}

/** Reads a body of a known length into memory that grows with what arrives. */
function inPlace(body: Body, announced: number): Pieces {
  const reader = body.getReader({ mode: "byob" });
  // One byte more, since the end is told only to who has room for another.
  const most = announced + 1;
  let memory = new ArrayBuffer(leastReadBytes);
  let length = 0;
  const room = () => Math.min(Math.max(length, leastReadBytes), mostReadBytes);
  return {
    async next() {
      if (length === memory.byteLength) memory = grown(memory, most);
      const free = Math.min(room(), memory.byteLength - length);
      const { done, value } = await reader.read(new Uint8Array(memory, length, free));
      // Who gives up does not get the memory back.
      memory = value?.buffer ?? new ArrayBuffer(0);
      if (value) length += value.length;
      return !done;
    },
    get length() {
      return length;
    },
    get held() {
      return Math.min(length + room(), announced);
    },
    bytes: () => new Uint8Array(memory, 0, length),
    giveUp: () => void reader.cancel().catch(() => {}),
  };
}
