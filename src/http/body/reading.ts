/**
 * Checks and paces a request's body while it is read, with limits on its size, its pace and the memory of all requests together.
 * Where its bytes go is decided by those who call.
 *
 * @module
 */

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
  /** How many small pieces a body without a Content-Length may have, besides one for each 4 KiB; 1024 by default. */
  readonly smallPieces?: number;
}

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
function mostPieces(bytes: number, { smallPieces = 1024 }: BodyLimits): number {
  return smallPieces + bytes / 4096;
}

/** The slowest pace at which a body may arrive, in bytes per second. */
export const leastBytesPerSec: number = 16 * 1024;

/** A body of which pieces are being read. `next` can refuse the rest with a record of its own. */
export interface Pieces<Refused extends object = never> {
  /** Reads some more; false at the end. Rejects when the connection breaks. */
  next(): Promise<boolean | Refused>;
  /** Bytes read so far. */
  readonly length: number;
  /** Bytes of memory that it holds: what was read and is kept, and the room reserved for the next piece. */
  readonly held: number;
  /** Reads no more; a pending `next` resolves or rejects. */
  giveUp(): void;
}

/** The bytes of a body, as the runtime passes them. */
export type BodyStream = ReadableStream<Uint8Array<ArrayBuffer>>;

/** A body that was read to its end, undefined if the request has none; or why it was refused. */
export type BodyReading<SomePieces, Refused extends object = never> =
  | { readonly ok: true; readonly pieces: SomePieces | undefined }
  | { readonly ok: false; readonly refusal: BodyRefusal }
  | { readonly ok: false } & Refused;

/** A body of which nothing has been read. */
export interface OpenBody {
  /** Its bytes; undefined if the request has none. */
  readonly stream: BodyStream | undefined;
  /** Its length, as announced; 0 if that is not known. */
  readonly announced: number;
  /** Whether it comes in chunks (HTTP/1.1). */
  readonly isChunked: boolean;
}

/**
 * Checks the head of a request, and whether its body may be read now. For as much of the announced length as will be held, at
 * most `mostHeld`, there only needs to be room. Returns the body, or why it is refused.
 */
export function openBody(
  request: Request,
  limits: BodyLimits,
  share: Share,
  mostHeld = Infinity,
): OpenBody | BodyRefusal {
  const { headers } = request;
  const announced = announcedLength(headers);
  const refused = refusalOf(headers, announced, limits.maxBytes);
  if (refused) return refused;
  if (!share.expect(Math.min(announced, mostHeld))) return "buffers_full";
  const stream = request.body ?? undefined;
  if (stream && limits.cut.aborted) return "draining";
  // The runtime makes a list of all headers for has().
  return { stream, announced, isChunked: headers.get("transfer-encoding") !== null };
}

/**
 * Reads the whole body. `begin` gets its announced length, 0 if that is not known. The share counts what is held; for as much of
 * the announced length as will be held, at most `mostHeld`, there only needs to be room at the beginning. If the body is refused,
 * the rest is not read and the share is released.
 */
export async function readPieces<
  SomePieces extends Pieces<Refused>,
  Refused extends object = never,
>(
  request: Request,
  limits: BodyLimits,
  share: Share,
  begin: (body: BodyStream, announced: number, isChunked: boolean) => SomePieces,
  mostHeld = Infinity,
): Promise<BodyReading<SomePieces, Refused>> {
  const body = openBody(request, limits, share, mostHeld);
  if (typeof body === "string") return refuse(share, body);
  const { stream, announced, isChunked } = body;
  if (!stream) return { ok: true, pieces: undefined };
  const endUpload = limits.uploads.begin();
  try {
    return await readToEnd(begin(stream, announced, isChunked), isChunked, limits, share);
  } finally {
    endUpload();
  }
}

/** Releases the share of a body that is refused. */
export function refuse(
  share: Share,
  refusal: BodyRefusal,
): { readonly ok: false; readonly refusal: BodyRefusal } {
  share.release();
  return { ok: false, refusal };
}

/** Reads the pieces to their end, as `readPieces` says. The caller counts the body as one that is being read. */
export async function readToEnd<
  SomePieces extends Pieces<Refused>,
  Refused extends object = never,
>(
  pieces: SomePieces,
  isChunked: boolean,
  limits: BodyLimits,
  share: Share,
): Promise<BodyReading<SomePieces, Refused>> {
  let broken: "request_timeout" | "buffers_full" | "draining" | undefined;
  const breakOff = (reason: NonNullable<typeof broken>) => {
    broken ??= reason;
    pieces.giveUp();
  };
  const onCut = () => breakOff("draining");
  limits.cut.addEventListener("abort", onCut);
  // An aborted signal does not report that once more.
  if (limits.cut.aborted) onCut();
  const stopPacing = keepPace(pieces, limits.periods, share, breakOff);
  let count = 0;
  try {
    for (;;) {
      if (broken) return refuse(share, broken);
      if (!share.resize(pieces.held)) {
        pieces.giveUp();
        return refuse(share, "buffers_full");
      }
      const more = await pieces.next();
      if (typeof more === "object") {
        pieces.giveUp();
        share.release();
        return { ok: false, ...more };
      }
      if (!more) break;
      if (pieces.length > limits.maxBytes) {
        pieces.giveUp();
        return refuse(share, "too_large");
      }
      if (
        isChunked &&
        (pieces.length > maxChunkedBytes || ++count > mostPieces(pieces.length, limits))
      ) {
        pieces.giveUp();
        return refuse(share, "length_required");
      }
    }
  } catch (error) {
    if (error instanceof RangeError) {
      pieces.giveUp();
      // The machine has no more memory, whatever the budget allows.
      return refuse(share, "buffers_full");
    }
    // The runtime only reports an error of the connection here; the request's signal is not aborted yet.
    return refuse(share, broken ?? "client_gone");
  } finally {
    stopPacing();
    limits.cut.removeEventListener("abort", onCut);
  }
  if (broken) return refuse(share, broken);
  share.keep();
  return { ok: true, pieces };
}

/** Why a body is refused before anything of it is read; undefined if it is not. */
export function headRefusal(
  { headers }: Request,
  { maxBytes }: Pick<BodyLimits, "maxBytes">,
): BodyRefusal | undefined {
  return refusalOf(headers, announcedLength(headers), maxBytes);
}

function refusalOf(
  headers: Headers,
  announced: number,
  maxBytes: number,
): BodyRefusal | undefined {
  if (isEncoded(headers)) return "unsupported_encoding";
  if (Number.isNaN(announced)) return "body_unreadable";
  return announced > maxBytes ? "too_large" : undefined;
}

/** The Content-Length, 0 without one; NaN if it is not a whole number. */
function announcedLength(headers: Headers): number {
  const announcement = headers.get("content-length") ?? "0";
  // Two Content-Length headers arrive as "5, 5".
  return /^\d+$/.test(announcement) ? Number(announcement) : NaN;
}

/**
 * Breaks off an upload that arrives at less than `leastBytesPerSec` in a period. After the first period the upload may also be
 * given up in favour of others. The returned function stops the check.
 */
function keepPace(
  pieces: { readonly length: number },
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

/** Bodies of at least this length are read directly into memory of the caller's. */
export const longBodyBytes: number = 64 * 1024;

/** Most bytes of one read: for more, the runtime would allocate another buffer of that size. */
const mostReadBytes = 256 * 1024;

/** Memory for a body of which nothing has arrived: a client that sends nothing holds little. */
export const leastReadBytes: number = 16 * 1024;

/** Room for the next read of a body of which `length` bytes have arrived, in bytes. */
export function roomAfter(length: number): number {
  return Math.min(Math.max(length, leastReadBytes), mostReadBytes);
}

/**
 * A reader that reads a body into memory of the caller's. Undefined if the stream cannot do that because it is not one of bytes:
 * that of a body which arrived whole with its head, and is in memory (Deno 2.9.6, see docs/upstream.md).
 */
export function directReader(body: BodyStream): ReadableStreamBYOBReader | undefined {
  try {
    return body.getReader({ mode: "byob" });
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
