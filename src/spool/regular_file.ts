/**
 * A regular file in the spool, open for reading.
 *
 * @module
 */

import { closeSync, constants, fstatSync, openSync, read, readSync } from "node:fs";
import { promisify } from "node:util";

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

/** Up to this size, a synchronous call costs several times less than an asynchronous one. */
const smallFileBytes = 256 * 1024;

const readAsync = promisify(read);

/**
 * Opens a file. Following a link would read outside the spool, and opening a FIFO could wait for a writer forever, so the file
 * is looked at first and opened with `O_NONBLOCK`, and the opened file must have the inode that was seen. Throws an `Error` if
 * it is not a regular file, and errors of the file system.
 */
export function openRegularFile(path: string): RegularFile {
  const seen = Deno.lstatSync(path);
  if (!seen.isFile) throw new Error(`${path}: must be a regular file`);
  const file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const { ino, dev, size } = fstatSync(file);
    if (ino !== seen.ino || dev !== seen.dev) throw new Error(`${path}: must not be replaced`);
    return {
      length: size,
      read: (into) =>
        size <= smallFileBytes
          ? readSync(file, into)
          : readAsync(file, into, 0, into.length, null).then(({ bytesRead }) => bytesRead),
      close: () => closeSync(file),
    };
  } catch (error) {
    closeSync(file);
    throw error;
  }
}
