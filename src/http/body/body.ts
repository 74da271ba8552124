/**
 * Reads a request's body, with limits on its size, its pace and the memory of all requests together.
 *
 * @module
 */

import { createByteBuffer } from "../../async/bytes.ts";
import type { Deadlines } from "../../async/deadlines.ts";
import type { Activity } from "../activity.ts";
import type { Share } from "./buffers.ts";

/** Limits of a body. */
export interface BodyLimits {
  /** Largest body; `Infinity` for no limit. */
  readonly maxBytes: number;
  /** Periods in each of which the body must arrive at `leastBytesPerSec` or faster. */
  readonly periods: Deadlines;
  /** Aborted when the server can no longer wait for uploads. */
  readonly cut: AbortSignal;
  /** Counts the bodies that are being read. */
  readonly uploads: Pick<Activity, "begin">;
}

/** The body, or why it was refused. */
export type BodyOutcome =
  | { readonly ok: true; readonly bytes: Uint8Array<ArrayBuffer> }
  | {
    readonly ok: false;
    readonly refusal: BodyRefusal;
  };

/** Why a body was refused. */
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
 * Largest body without a Content-Length (HTTP/1.1 `Transfer-Encoding: chunked`). The runtime reads such bodies in quadratic
 * time (2.8.3 to at least 2.9.6, see docs/upstream.md): up to this size that costs some milliseconds.
 */
export const maxChunkedBytes: number = 8 * 2 ** 20;

/** Maximum number of pieces in which `bytes` bytes of such a body may arrive: a few small ones, or large ones. */
function mostPieces(bytes: number): number {
  return 1024 + bytes / 4096;
}

/** The slowest pace at which a body may arrive, in bytes per second. */
export const leastBytesPerSec: number = 16 * 1024;

/**
 * Reads the whole body. The share counts what has arrived and the piece that is being read; for the announced length there
 * only needs to be room at the beginning. If the body is refused, the rest is not read and the share is released.
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
  // Two Content-Length headers arrive as "5, 5".
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
  const endUpload = limits.uploads.begin();
  const stopPacing = keepPace(pieces, limits.periods, share, breakOff);
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
      // The machine has no more memory, whatever the budget allows.
      return refuse("buffers_full");
    }
    // The runtime only reports an error of the connection here; the request's signal is not aborted yet.
    return refuse(broken ?? "client_gone");
  } finally {
    stopPacing();
    endUpload();
    limits.cut.removeEventListener("abort", onCut);
  }
  if (broken) return refuse(broken);
  share.keep();
  share.resize(pieces.length);
  return { ok: true, bytes: pieces.bytes() };
}

/**
 * Breaks off an upload that arrives at less than `leastBytesPerSec` in a period. After the first period the upload may also be
 * given up in favour of others. The returned function stops the check.
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
  /** Bytes of memory that it holds: what was read, and the room reserved for the next piece. */
  readonly held: number;
  /** Everything read. */
  bytes(): Uint8Array<ArrayBuffer>;
  /** Reads no more; a pending `next` resolves or rejects. */
  giveUp(): void;
}

type Body = ReadableStream<Uint8Array<ArrayBuffer>>;

/**
 * Reads bodies that are short or of unknown length. A chunked body must not be canceled: the runtime would read the rest of
 * it, in quadratic time. Without a reader it is not read.
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

/** Bodies of at least this length are read directly into their final memory. */
const longBodyBytes = 64 * 1024;

/** Most bytes of one read: for more, the runtime would allocate another buffer of that size. */
const mostReadBytes = 256 * 1024;

/** Memory for a body of which nothing has arrived: a client that sends nothing holds little. */
const leastReadBytes = 16 * 1024;

/**
 * Moves the content of a full buffer into a larger one: sixteen times as large, or of `most` bytes if that size would be half
 * of `most` or more. So little is copied, and unused room takes no real memory: the system provides memory only when it is
 * written to. (`transfer` to a larger size would write to all of it.)
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
  // One spare byte: the end is only reported to a read that has room.
  const most = announced + 1;
  let memory = new ArrayBuffer(leastReadBytes);
  let length = 0;
  const room = () => Math.min(Math.max(length, leastReadBytes), mostReadBytes);
  return {
    async next() {
      if (length === memory.byteLength) memory = grown(memory, most);
      const free = Math.min(room(), memory.byteLength - length);
      const { done, value } = await reader.read(new Uint8Array(memory, length, free));
      // After a cancel the runtime keeps the memory.
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
