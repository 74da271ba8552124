/**
 * Bytes that are kept until they are needed: few in memory, many in a temporary file.
 *
 * @module
 */

import { writeAll } from "./output_target.ts";

/** Bytes that come in pieces, and can then be read any number of times. Disposing removes them. */
export interface HeldBytes extends Disposable {
  /** Bytes so far. */
  readonly size: number;
  /** Adds a piece; its memory must not be used afterwards. Rejects if the temporary file cannot be made or written. */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** All bytes from the first one. Only one reader at a time, and none before the last `write`. */
  pieces(): AsyncIterable<Uint8Array<ArrayBuffer>>;
}

/** How many bytes are kept in memory. */
const maxInMemory = 2 ** 20;

/** Makes an empty store. */
export function holdBytes(): HeldBytes {
  let size = 0;
  let inMemory: Uint8Array<ArrayBuffer>[] = [];
  let file: TemporaryFile | undefined;
  return {
    get size() {
      return size;
    },
    async write(bytes) {
      size += bytes.length;
      if (size <= maxInMemory) return void inMemory.push(bytes);
      file ??= makeTemporaryFile();
      for (const piece of [...inMemory, bytes]) await writeAll(file.bytes, piece);
      inMemory = [];
    },
    async *pieces() {
      if (file) yield* piecesOf(file.bytes);
      else yield* inMemory;
    },
    [Symbol.dispose]() {
      inMemory = [];
      file?.remove();
      file = undefined;
    },
  };
}

/** Size of one read, in bytes. */
const pieceBytes = 2 ** 18;

/** Reads a file from its first byte. */
export async function* piecesOf(file: Deno.FsFile): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  await file.seek(0, Deno.SeekMode.Start);
  for (;;) {
    const buffer = new Uint8Array(pieceBytes);
    const read = await file.read(buffer);
    if (read === null) return;
    yield buffer.subarray(0, read);
  }
}

interface TemporaryFile {
  readonly bytes: Deno.FsFile;
  /** Closes it and removes it. */
  remove(): void;
}

/**
 * Makes a file that only its user can read. Its name is removed at once, so that the file is gone whenever and however the
 * program ends; where a file that is open cannot be removed, that happens when it is closed.
 */
function makeTemporaryFile(): TemporaryFile {
  const path = Deno.makeTempFileSync({ prefix: "jobrunner-send-" });
  try {
    const bytes = Deno.openSync(path, { read: true, write: true });
    const isRemoved = removed(path);
    return {
      bytes,
      remove() {
        bytes.close();
        if (!isRemoved) removed(path);
      },
    };
  } catch (error) {
    removed(path);
    throw error;
  }
}

/** Removes a file; false if that is not possible now. */
function removed(path: string): boolean {
  try {
    Deno.removeSync(path);
    return true;
  } catch {
    return false;
  }
}
