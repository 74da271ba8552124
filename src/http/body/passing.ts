/**
 * Reads a request's body and passes it on piece by piece, in memory that is used again, to files in the spool.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { DiskShare } from "../../jobs/job.ts";
import { DiskFullError } from "../../spool/inbox.ts";
import type { ContentDigest } from "../../wire/content_digest.ts";
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

/** Why a body that is to be stored was refused, apart from the reasons for any body. */
export type StoringRefusal =
  /** The requests of the server hold as much disk space as they may. */
  | { readonly refusal: "spool_full" }
  /** The disk is full. */
  | { readonly refusal: "disk_full" }
  /** The body does not have the digest that its request announces. */
  | { readonly refusal: "digest_mismatch" }
  /** The spool cannot be written to; `reason` is for the log. */
  | { readonly refusal: "spool_unusable"; readonly reason: string }
  /** The form is malformed, or it has too many parts or too long ones, as the sentence says. */
  | { readonly refusal: "bad_multipart" | "too_many_parts"; readonly sentence: string };

/** A body that was not stored. Nothing of it is read any more; its files are removed by whoever has the inbox. */
export type NotStored =
  | { readonly ok: false; readonly refusal: BodyRefusal }
  | { readonly ok: false } & StoringRefusal;

/** What passes a body on. */
export interface BodyReceiver {
  /** Takes a piece, whose memory is used again when the promise has resolved. Resolves with a refusal if it does not want more. */
  take(piece: Uint8Array<ArrayBuffer>): Promise<StoringRefusal | undefined>;
  /** The body has ended. Resolves when all of it is in its files, or with a refusal. */
  end(): Promise<StoringRefusal | undefined>;
}

/** What counts and checks a body besides its limits. */
export interface Storing {
  /** The disk space that the request holds. Whoever has the request releases it, also after a refusal. */
  readonly disk: DiskShare;
  /** The digest that the body must have. */
  readonly digest?: ContentDigest | undefined;
}

/** The most memory that a body counts for while it is stored, in bytes. */
const mostHeldBytes = 2 ** 20;

/**
 * Reads the whole body and passes it on. Disk space for an announced length is taken before the first byte, for other bodies as
 * they arrive. The memory share counts what may be held until it is written, and nothing afterwards; after a refusal it is
 * released.
 */
export async function passBody(
  request: Request,
  limits: BodyLimits,
  share: Share,
  { disk, digest }: Storing,
  receiver: BodyReceiver,
): Promise<{ readonly ok: true; readonly length: number } | NotStored> {
  const hash = digest && createHash(digest.algorithm.replace("-", ""));
  const take = async (piece: Uint8Array<ArrayBuffer>) => {
    hash?.update(piece);
    return await storing(receiver.take(piece));
  };
  const read = await readPieces<PassedPieces, StoringRefusal>(
    request,
    limits,
    share,
    (body, announced, isChunked) =>
      passedPieces(source(body, announced, isChunked), announced, disk, take),
    mostHeldBytes,
  );
  if (!read.ok) return read;
  const refusal = hash && digest && !isEqual(hash.digest(), digest.bytes)
    ? { refusal: "digest_mismatch" as const }
    : await storing(receiver.end());
  if (refusal) {
    share.release();
    return { ok: false, ...refusal };
  }
  share.resize(0);
  return { ok: true, length: read.pieces?.length ?? 0 };
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

/** The outcome of work on files, whose errors are refusals. */
async function storing(
  work: Promise<StoringRefusal | undefined>,
): Promise<StoringRefusal | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof DiskFullError) return { refusal: "disk_full" };
    return { refusal: "spool_unusable", reason: String(error) };
  }
}

type PassedPieces = Pieces<StoringRefusal>;

function passedPieces(
  { read, giveUp }: BodySource,
  announced: number,
  disk: DiskShare,
  take: BodyReceiver["take"],
): PassedPieces {
  let length = 0;
  let begun = false;
  const most = Math.min(mostHeldBytes, announced || Infinity);
  return {
    async next() {
      if (!begun && announced > 0 && !disk.takeBody(announced)) return { refusal: "spool_full" };
      begun = true;
      const piece = await read(roomAfter(length));
      if (!piece) return false;
      length += piece.length;
      if (announced === 0 && !disk.takeBody(piece.length)) return { refusal: "spool_full" };
      return await take(piece) ?? true;
    },
    get length() {
      return length;
    },
    get held() {
      return Math.min(length + roomAfter(length), most);
    },
    giveUp,
  };
}

/** Reads from a body. */
interface BodySource {
  /** Reads a piece of at most `room` bytes if the body is long; undefined at the end. The next call may reuse its memory. */
  read(room: number): Promise<Uint8Array<ArrayBuffer> | undefined>;
  giveUp(): void;
}

function source(body: BodyStream, announced: number, isChunked: boolean): BodySource {
  const reader = announced < longBodyBytes ? undefined : directReader(body);
  return reader ? longSource(reader) : pieceSource(body, isChunked);
}

/** A chunked body must not be canceled: the runtime would read the rest of it, in quadratic time. */
function pieceSource(body: BodyStream, isChunked: boolean): BodySource {
  const reader = body.getReader();
  return {
    read: async () => (await reader.read()).value,
    giveUp() {
      if (isChunked) reader.releaseLock();
      else reader.cancel().catch(() => {});
    },
  };
}

/** Reads into the same memory again and again, several times faster than the runtime provides new memory for each piece. */
function longSource(reader: ReadableStreamBYOBReader): BodySource {
  let memory = new ArrayBuffer(leastReadBytes);
  return {
    async read(room) {
      if (memory.byteLength < room) memory = new ArrayBuffer(room);
      const { done, value } = await reader.read(new Uint8Array(memory));
      // After a cancel the runtime keeps the memory.
      memory = value?.buffer ?? new ArrayBuffer(0);
      return done ? undefined : value;
    },
    giveUp: () => void reader.cancel().catch(() => {}),
  };
}
