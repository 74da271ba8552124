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
  directReader,
  leastReadBytes,
  longBodyBytes,
  openBody,
  type Pieces,
  readToEnd,
  refuse,
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
  const body = openBody(request, limits, share);
  if (typeof body === "string") return refuse(share, body);
  const { stream, announced, isChunked } = body;
  if (!stream) return { ok: true, bytes: new Uint8Array() };
  const endUpload = limits.uploads.begin();
  try {
    const direct = announced < longBodyBytes ? undefined : directReader(stream);
    let pieces: PiecesInMemory;
    if (direct) pieces = inPlace(direct, announced);
    else {
      const reader = stream.getReader();
      const first = reader.read();
      const bytes = await wholeInMemory(reader, first);
      if (bytes && bytes.length === announced) {
        return share.resize(announced) ? { ok: true, bytes } : refuse(share, "buffers_full");
      }
      pieces = inPieces(reader, first, announced, isChunked);
    }
    const read = await readToEnd(pieces, isChunked, limits, share);
    if (!read.ok) return read;
    share.resize(pieces.length);
    return { ok: true, bytes: pieces.bytes() };
  } finally {
    endUpload();
  }
}

/**
 * The body if it has arrived whole and is one piece, as that of a small request that came with its head (Deno 2.9.6); otherwise
 * undefined. Both are known before anything else can happen, so this takes neither a deadline nor anything else that ends it.
 */
async function wholeInMemory(
  reader: BodyReader,
  first: ReturnType<BodyReader["read"]>,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  let piece: Uint8Array<ArrayBuffer> | undefined;
  let isOver = false;
  first.then(({ value }) => void (piece = value), ignore);
  reader.closed.then(() => void (isOver = true), ignore);
  // The stream begins after the first, and has its piece and its end after the second.
  await undefined;
  await undefined;
  return isOver ? piece : undefined;
}

type BodyReader = ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;

function ignore(): void {}

/** A body that is kept in memory. */
interface PiecesInMemory extends Pieces {
  /** Everything read. */
  bytes(): Uint8Array<ArrayBuffer>;
}

/**
 * Reads bodies that are short, of unknown length, or in memory already; `first` is the first read, which has begun. A chunked body
 * must not be canceled: the runtime would read the rest of it, in quadratic time. Without a reader it is not read.
 */
function inPieces(
  reader: BodyReader,
  first: ReturnType<BodyReader["read"]>,
  announced: number,
  isChunked: boolean,
): PiecesInMemory {
  const buffer = createByteBuffer(announced);
  let pending: typeof first | undefined = first;
  return {
    async next() {
      const { done, value } = await (pending ?? reader.read());
      pending = undefined;
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
      else reader.cancel().catch(ignore);
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
    giveUp: () => void reader.cancel().catch(ignore),
  };
}
