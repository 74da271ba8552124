/**
 * Writes a file whose bytes arrive in small pieces. Writes of a mebibyte are the fastest ones, and asynchronous ones do not
 * block other requests while the disk is slow.
 *
 * @module
 */

import { basename } from "node:path";
import { orDiskFull } from "./disk_full.ts";
import { pieceBytes, smallFileBytes } from "./sizes.ts";

/** A file that is being written. Its bytes are gathered and written in large pieces. */
export interface FileWriter {
  /** Name of the file in its folder. */
  readonly name: string;
  /** Number of bytes so far. */
  readonly length: number;
  /**
   * Adds bytes, whose memory may be reused when the promise has resolved. To be called after the one before has resolved.
   * Rejects with a `DiskFullError` if the disk is full, and with errors of the file system.
   */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Writes what is left and closes the file; rejects as `write` does. */
  end(): Promise<void>;
}

/** A writer whose file can be closed before its end. */
export interface OpenWriter extends FileWriter {
  /** Closes the file without writing what is left. Idempotent. */
  close(): void;
}

/**
 * Makes the file, with mode 0600. `expected` is its length in bytes, 0 if that is not known. Throws a `DiskFullError` if the
 * disk is full, and errors of the file system, also if something exists at the path.
 */
export function createFileWriter(path: string, expected: number): OpenWriter {
  return new GatheringWriter(path, expected);
}

const nothing = new Uint8Array();

/** The smallest buffer that is allocated, in bytes, unless fewer are expected. */
const smallestBuffer = 4096;

class GatheringWriter implements OpenWriter {
  readonly name: string;
  readonly #expected: number;
  readonly #file: Deno.FsFile;
  #buffer = nothing;
  #gathered = 0;
  #length = 0;
  #closed = false;

  constructor(path: string, expected: number) {
    this.name = basename(path);
    this.#expected = Math.min(expected, pieceBytes);
    try {
      this.#file = Deno.openSync(path, { write: true, createNew: true, mode: 0o600 });
    } catch (error) {
      throw orDiskFull(error);
    }
  }

  get length(): number {
    return this.#length;
  }

  async write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#length += bytes.length;
    for (let rest = bytes; rest.length > 0;) {
      if (this.#gathered === 0 && rest.length >= pieceBytes) return await this.#put(rest);
      const count = Math.min(rest.length, pieceBytes - this.#gathered);
      this.#gather(rest.subarray(0, count));
      rest = rest.subarray(count);
      if (this.#gathered === pieceBytes) await this.#putGathered();
    }
  }

  #gather(bytes: Uint8Array<ArrayBuffer>): void {
    const wanted = this.#gathered + bytes.length;
    if (wanted > this.#buffer.length) {
      const roomy = Math.min(Math.max(smallestBuffer, 2 * wanted), pieceBytes);
      const larger = new Uint8Array(wanted <= this.#expected ? this.#expected : roomy);
      larger.set(this.#buffer.subarray(0, this.#gathered));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#gathered);
    this.#gathered = wanted;
  }

  async #putGathered(): Promise<void> {
    const gathered = this.#buffer.subarray(0, this.#gathered);
    this.#gathered = 0;
    await this.#put(gathered);
  }

  async #put(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      for (let at = 0; at < bytes.length;) {
        at += await this.#file.write(bytes.subarray(at, at + pieceBytes));
      }
    } catch (error) {
      throw orDiskFull(error);
    }
  }

  async end(): Promise<void> {
    try {
      if (this.#length <= smallFileBytes) this.#putAtOnce();
      else await this.#putGathered();
    } finally {
      this.close();
    }
  }

  /** Writes a small file, of which nothing has been written yet. */
  #putAtOnce(): void {
    try {
      for (let at = 0; at < this.#gathered;) {
        at += this.#file.writeSync(this.#buffer.subarray(at, this.#gathered));
      }
    } catch (error) {
      throw orDiskFull(error);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#buffer = nothing;
    this.#file.close();
  }
}
