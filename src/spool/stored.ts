/**
 * Open files that outlive their names: what a run has left for its answer.
 *
 * @module
 */

import { closeSync, read } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { StoredFile } from "../jobs/job.ts";
import { largeFileBytes } from "./sizes.ts";
import { makeInSpool, type Spool } from "./spool.ts";

/** An open file, of which only one part is read at a time. */
interface Source {
  /** Reads bytes from a position; resolves with their number, 0 at the end of the file. */
  read(at: number, into: Uint8Array<ArrayBuffer>): Promise<number>;
  /** Closes it; not called while it is read. */
  close(): void;
}

/**
 * Reads one part after the other, and closes the file only when none is being read: a descriptor's number is used again at
 * once, so a read that goes on after the close could be one of somebody else's file.
 */
class Stored implements StoredFile {
  readonly length: number;
  readonly #source: Source;
  #turn: Promise<unknown> = Promise.resolve();
  #pending = 0;
  #closed = false;

  constructor(source: Source, length: number) {
    this.#source = source;
    this.length = length;
  }

  read(at: number, into: Uint8Array<ArrayBuffer>): Promise<number> {
    if (this.#closed) return Promise.reject(closedError());
    this.#pending++;
    const reading = this.#turn.then(() => this.#readNow(at, into));
    this.#turn = reading.catch(() => {});
    return reading;
  }

  async #readNow(at: number, into: Uint8Array<ArrayBuffer>): Promise<number> {
    try {
      if (this.#closed) throw closedError();
      return await this.#source.read(at, into.subarray(0, Math.max(0, this.length - at)));
    } finally {
      if (--this.#pending === 0 && this.#closed) this.#source.close();
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#pending === 0) this.#source.close();
  }
}

function closedError(): Error {
  return new Error("the file cannot be read: it is closed");
}

const readAsync = promisify(read);

/** A file open for reading under this descriptor, with its first `length` bytes. `onClosed` is called when it is closed. */
export function storedFile(
  descriptor: number,
  length: number,
  onClosed: () => void,
): StoredFile {
  return new Stored({
    read: async (at, into) => (await readAsync(descriptor, into, 0, into.length, at)).bytesRead,
    close() {
      closeSync(descriptor);
      onClosed();
    },
  }, length);
}

/** A file without a name that grows. */
export interface GrowingFile {
  /** Number of bytes written so far. */
  readonly length: number;
  /**
   * Appends bytes, whose memory may be reused when the promise has resolved. To be called after the one before has resolved.
   * Rejects with errors of the file system; `length` then counts what was written.
   */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** The bytes so far, as a file to read; closing it closes this one. Nothing is written afterwards. */
  stored(): StoredFile;
  /** Closes it. Idempotent; no effect once it is a file to read. */
  close(): void;
}

/** A path for an output in the spool that no other one has. */
export function outputPathIn(spool: Spool): string {
  return join(spool.path, `output-${crypto.getRandomValues(new Uint8Array(8)).toHex()}`);
}

/**
 * Makes a file in the spool, which is repaired if necessary, and removes its name at once. Where `unlink` cannot remove an open
 * file (Windows), the name is removed after the close. Rejects with errors of the file system.
 */
export async function createOutputFile(
  spool: Spool,
  unlink: (path: string) => void = (path) => Deno.removeSync(path),
): Promise<GrowingFile> {
  const path = outputPathIn(spool);
  const options = { read: true, write: true, createNew: true, mode: 0o600 };
  const file = await makeInSpool(spool, () => Deno.openSync(path, options));
  let named = false;
  try {
    unlink(path);
  } catch {
    named = true;
  }
  return new Output(file, () => {
    if (!named) return;
    try {
      unlink(path);
    } catch {
      spool.leftovers.add(path);
    }
  });
}

/**
 * Uses the file of the runtime rather than a descriptor of `node:fs`, whose asynchronous `write` blocks the event loop (seen on
 * 2.9.6).
 */
class Output implements GrowingFile {
  readonly #file: Deno.FsFile;
  readonly #onClosed: () => void;
  #length = 0;
  #isOver = false;

  constructor(file: Deno.FsFile, onClosed: () => void) {
    this.#file = file;
    this.#onClosed = onClosed;
  }

  get length(): number {
    return this.#length;
  }

  async write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const count = await this.#file.write(bytes.subarray(at));
      at += count;
      this.#length += count;
    }
  }

  stored(): StoredFile {
    this.#isOver = true;
    const file = this.#file;
    return new Stored({
      async read(at, into) {
        file.seekSync(at, Deno.SeekMode.Start);
        return await file.read(into) ?? 0;
      },
      close: () => this.#closeNow(),
    }, this.#length);
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#closeNow();
  }

  #closeNow(): void {
    if (this.#length < largeFileBytes) this.#finish();
    // The close would free the blocks of a file without a name, and block the event loop.
    else this.#file.truncate().catch(() => {}).finally(() => this.#finish());
  }

  #finish(): void {
    this.#file.close();
    this.#onClosed();
  }
}
