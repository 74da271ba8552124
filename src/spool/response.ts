/**
 * Reads what a command has written to its response file.
 *
 * @module
 */

import { closeSync, constants, fstatSync, openSync, read, readSync } from "node:fs";
import { promisify } from "node:util";
import { type Captured, nothingCaptured } from "../jobs/job.ts";
import { pieceBytes, smallFileBytes, smallOutputBytes } from "./sizes.ts";
import { storedFile } from "./stored.ts";

/** What was read of the response file. */
export interface ResponseFile {
  /** Its bytes, up to the limit; none if it could not be read. */
  readonly data: Captured;
  /** A sentence for the client if the file could not be read. */
  readonly message?: string;
}

/** A response file that is open. */
interface OpenResponse {
  readonly descriptor: number;
  /** Its length in bytes. */
  readonly size: number;
}

/**
 * Only a regular file is read: following a link would read outside the spool, and opening a FIFO could wait for a writer
 * forever. A descendant may still replace the file at any moment, so it is opened with `O_NONBLOCK`, and the opened file
 * must have the inode that was checked. (`O_NOFOLLOW` alone is not enough: under path permissions Deno follows the link
 * itself, seen on 2.9.6 and 2.7.11.)
 */
function openRegular(path: string): OpenResponse | ResponseFile {
  let descriptor: number | undefined;
  try {
    const seen = Deno.lstatSync(path);
    if (!seen.isFile) return notRegular;
    if (seen.size === 0) return { data: nothingCaptured };
    descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const { ino, dev, size } = fstatSync(descriptor);
    if (ino === seen.ino && dev === seen.dev) return { descriptor, size };
    closeSync(descriptor);
    return notRegular;
  } catch (error) {
    if (descriptor !== undefined) closeSync(descriptor);
    return failed(error);
  }
}

/** Reads at most `limit` bytes of the response file at `path`. */
export async function readResponse(path: string, limit: number): Promise<ResponseFile> {
  const found = openRegular(path);
  if (!("descriptor" in found)) return found;
  try {
    const bytes = new Uint8Array(Math.min(found.size, limit));
    const length = await fill(found.descriptor, bytes);
    return { data: { bytes: bytes.subarray(0, length), truncated: found.size > limit } };
  } catch (error) {
    return failed(error);
  } finally {
    closeSync(found.descriptor);
  }
}

/**
 * The same, but more than `smallOutputBytes` stay in the file, which is left open, and whose `length` is at most `limit`.
 * `onClosed` is called when it is closed.
 */
export function openResponse(path: string, limit: number, onClosed: () => void): ResponseFile {
  const found = openRegular(path);
  if (!("descriptor" in found)) return found;
  const { descriptor, size } = found;
  const length = Math.min(size, limit);
  const truncated = size > limit;
  if (length > smallOutputBytes) {
    const file = storedFile(descriptor, length, onClosed);
    return { data: { ...nothingCaptured, truncated, file } };
  }
  try {
    const bytes = new Uint8Array(length);
    return { data: { bytes: bytes.subarray(0, fillNow(descriptor, bytes)), truncated } };
  } catch (error) {
    return failed(error);
  } finally {
    closeSync(descriptor);
  }
}

const notRegular: ResponseFile = {
  data: nothingCaptured,
  message: "the response file is not a regular file and was not read",
};

function failed(error: unknown): ResponseFile {
  if ((error as { code?: unknown }).code === "ENOENT") return { data: nothingCaptured };
  return { data: nothingCaptured, message: unreadable(reasonOf(error)) };
}

function reasonOf(error: unknown): string {
  if (error instanceof RangeError) return "there is not enough memory for it";
  return (error as { code?: unknown }).code === "EACCES"
    ? "permission denied"
    : "an input/output error";
}

/** The sentence for a response file that could not be read, for this reason. */
export function unreadable(reason: string): string {
  return `the response file could not be read: ${reason}`;
}

const readAsync = promisify(read);

/** Fills memory from the beginning of a file; returns how much of it there was. */
async function fill(descriptor: number, bytes: Uint8Array): Promise<number> {
  if (bytes.length <= smallFileBytes) return fillNow(descriptor, bytes);
  let length = 0;
  while (length < bytes.length) {
    const piece = bytes.subarray(length, length + pieceBytes);
    const { bytesRead } = await readAsync(descriptor, piece, 0, piece.length, null);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length;
}

/** The same without giving way to anything else. */
function fillNow(descriptor: number, bytes: Uint8Array): number {
  let length = 0;
  while (length < bytes.length) {
    const count = readSync(descriptor, bytes.subarray(length));
    if (count === 0) break;
    length += count;
  }
  return length;
}
