/**
 * A regular file in the spool, open for reading.
 *
 * @module
 */

import { closeSync, constants, fstatSync, openSync, read, readSync } from "node:fs";
import { promisify } from "node:util";
import { smallFileBytes } from "./sizes.ts";

/** A regular file that is open. */
export interface RegularFile {
  /** Its length in bytes when it was opened. */
  readonly length: number;
  /**
   * Reads the bytes that follow those read before into memory; returns their number, 0 at the end of the file. A small file is
   * read at once. Throws or rejects with errors of the file system.
   */
  read(into: Uint8Array<ArrayBuffer>): number | Promise<number>;
  /** Closes it; only while no read is pending. */
  close(): void;
}

const readAsync = promisify(read);

/** A descriptor of a regular file. */
export interface OpenDescriptor {
  /** Its number. */
  readonly descriptor: number;
  /** Length of the file in bytes. */
  readonly size: number;
}

/**
 * Opens a file that `lstat` has `seen`; undefined if it is not a regular file, or another one by now. Throws errors of the file
 * system.
 *
 * Following a link would read outside the spool, and opening a FIFO could wait for a writer forever. A descendant may still
 * replace the file at any moment, so it is opened with `O_NONBLOCK`, and the opened file must have the inode that was seen.
 * (`O_NOFOLLOW` alone is not enough: under path permissions Deno follows the link itself, seen on 2.9.6 and 2.7.11.)
 */
export function openSeen(path: string, seen: Deno.FileInfo): OpenDescriptor | undefined {
  if (!seen.isFile) return undefined;
  const descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const { ino, dev, size } = fstatSync(descriptor);
    if (ino === seen.ino && dev === seen.dev) return { descriptor, size };
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  closeSync(descriptor);
  return undefined;
}

/** Opens a file. Throws an `Error` if it is not a regular file, and errors of the file system. */
export function openRegularFile(path: string): RegularFile {
  const found = openSeen(path, Deno.lstatSync(path));
  if (!found) throw new Error(`${path}: must be a regular file`);
  const { descriptor, size } = found;
  return {
    length: size,
    read: (into) =>
      size <= smallFileBytes
        ? readSync(descriptor, into)
        : readAsync(descriptor, into, 0, into.length, null).then(({ bytesRead }) => bytesRead),
    close: () => closeSync(descriptor),
  };
}
