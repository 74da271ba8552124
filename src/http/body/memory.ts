/**
 * Reads a request's body into memory.
 *
 * @module
 */

import { createByteBuffer } from "../../async/bytes.ts";
import type { Share } from "./buffers.ts";
import {
  type BodyLimits,
  type BodyRefusal,
  type BodyStream,
  directReader,
  leastReadBytes,
  longBodyBytes,
  type Pieces,
  readPieces,
  roomAfter,
} from "./reading.ts";

/** The body, or why it was refused. */
export type BodyOutcome =
  | { readonly ok: true; readonly bytes: Uint8Array<ArrayBuffer> }
  | {
    readonly ok: false;
    readonly refusal: BodyRefusal;
  };

/**
 * Reads the whole body. The share counts what has arrived and the piece that is being read; for the announced length there
 * only needs to be room at the beginning. If the body is refused, the rest is not read and the share is released.
 */
export async function readBody(
  request: Request,
  limits: BodyLimits,
  share: Share,
): Promise<BodyOutcome> {
  const read = await readPieces(request, limits, share, begin);
  if (!read.ok) return read;
  if (!read.pieces) return { ok: true, bytes: new Uint8Array() };
  share.resize(read.pieces.length);
  return { ok: true, bytes: read.pieces.bytes() };
}

function begin(body: BodyStream, announced: number, isChunked: boolean): PiecesInMemory {
  const reader = announced < longBodyBytes ? undefined : directReader(body);
  return reader ? inPlace(reader, announced) : inPieces(body, announced, isChunked);
}

/** A body that is kept in memory. */
interface PiecesInMemory extends Pieces {
  /** Everything read. */
  bytes(): Uint8Array<ArrayBuffer>;
}

/**
 * Reads bodies that are short, of unknown length, or in memory already. A chunked body must not be canceled: the runtime would
 * read the rest of it, in quadratic time. Without a reader it is not read.
 */
function inPieces(body: BodyStream, announced: number, isChunked: boolean): PiecesInMemory {
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
function inPlace(reader: ReadableStreamBYOBReader, announced: number): PiecesInMemory {
  // One spare byte: the end is only reported to a read that has room.
  const most = announced + 1;
  let memory = new ArrayBuffer(leastReadBytes);
  let length = 0;
  return {
    async next() {
      if (length === memory.byteLength) memory = grown(memory, most);
      const free = Math.min(roomAfter(length), memory.byteLength - length);
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
      return Math.min(length + roomAfter(length), announced);
    },
    bytes: () => new Uint8Array(memory, 0, length),
    giveUp: () => void reader.cancel().catch(() => {}),
  };
}
