/**
 * Reads what a command has written to its response file.
 *
 * @module
 */

import { closeSync, read, readSync } from "node:fs";
import { promisify } from "node:util";
import { type Captured, nothingCaptured, nothingRead } from "../jobs/job.ts";
import { type OpenDescriptor, openSeen } from "./regular_file.ts";
import { pieceBytes, smallFileBytes, smallOutputBytes } from "./sizes.ts";
import { storedFile } from "./stored.ts";

/** What was read of the response file. */
export interface ResponseFile {
  /** Its bytes, up to the limit; none if it could not be read. */
  readonly data: Captured;
  /** A sentence for the client if the file could not be read. */
  readonly message?: string;
}

/** Opens the file, unless it is empty or cannot be read. */
function openRegular(path: string): OpenDescriptor | ResponseFile {
  try {
    const seen = Deno.lstatSync(path);
    if (seen.isFile && seen.size === 0) return { data: nothingCaptured };
    return openSeen(path, seen) ?? notRegular;
  } catch (error) {
    return failed(error);
  }
}

/** Reads at most `limit` bytes of the response file at `path`. */
export async function readResponse(path: string, limit: number): Promise<ResponseFile> {
  const found = openRegular(path);
  if (!("descriptor" in found)) return found;
  try {
    return await readWith(found.size, limit, (bytes) => fill(found.descriptor, bytes));
  } finally {
    closeSync(found.descriptor);
  }
}

/**
 * Reads at most `limit` bytes of a response file of this size with `fill`, which fills memory from the beginning of the file and
 * returns how much of it there was.
 */
export async function readWith(
  size: number,
  limit: number,
  fill: (bytes: Uint8Array<ArrayBuffer>) => number | Promise<number>,
): Promise<ResponseFile> {
  try {
    const bytes = new Uint8Array(Math.min(size, limit));
    const length = await fill(bytes);
    return { data: { bytes: bytes.subarray(0, length), truncated: size > limit } };
  } catch (error) {
    return failed(error);
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
  data: nothingRead,
  message: "the response file is not a regular file and was not read",
};

function failed(error: unknown): ResponseFile {
  if ((error as { code?: unknown }).code === "ENOENT") return { data: nothingCaptured };
  return { data: nothingRead, message: unreadable(reasonOf(error)) };
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
