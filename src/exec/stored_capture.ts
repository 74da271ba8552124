/**
 * Keeps the output of a command for an answer that is made of bytes: little of it in memory, much of it in a file.
 *
 * @module
 */

import { createByteBuffer } from "../async/bytes.ts";
import { type Captured, type DiskShare, nothingCaptured, type StoredFile } from "../jobs/job.ts";
import { smallOutputBytes } from "../spool/sizes.ts";
import type { GrowingFile } from "../spool/stored.ts";
import type { Captures } from "./capture.ts";

/** What the captures of one run need. */
export interface StoredCaptureSettings {
  /** Maximum number of bytes kept of each stream. */
  readonly limit: number;
  /** The disk space of the request; undefined if that is not counted. */
  readonly disk: DiskShare | undefined;
  /** Makes a file for a stream. */
  readonly createFile: () => Promise<GrowingFile>;
  /** Called each time the number of bytes in memory changes, with the difference. */
  readonly onKept: (bytes: number) => void;
}

/**
 * Keeps at most `limit` bytes of each stream: up to `smallOutputBytes` in memory; when there are more, all of them in a file.
 * What goes beyond the limit or the disk space, or cannot be written, is dropped with all that follows, and the command
 * continues. While a piece is written, `onEvent` returns a promise.
 */
export function createStoredCaptures(settings: StoredCaptureSettings): Captures {
  const output = new StoredCapture(settings);
  const error = new StoredCapture(settings);
  return {
    onEvent(event) {
      if (event.kind === "stdout") return output.keep(event.bytes);
      if (event.kind === "stderr") return error.keep(event.bytes);
    },
    output: () => output.captured(),
    error: () => error.captured(),
    close() {
      output.close();
      error.close();
    },
  };
}

/** The captures of a run whose streams are not kept. */
export const noCaptures: Captures = {
  onEvent() {},
  output: () => nothingCaptured,
  error: () => nothingCaptured,
  close() {},
};

class StoredCapture {
  readonly #settings: StoredCaptureSettings;
  /** The bytes so far, until there are too many of them. */
  #buffer = createByteBuffer();
  #file: GrowingFile | undefined;
  #stored: StoredFile | undefined;
  #truncated = false;
  /** Whether everything that follows is dropped. */
  #isOver = false;
  #closed = false;

  constructor(settings: StoredCaptureSettings) {
    this.#settings = settings;
  }

  captured(): Captured {
    const truncated = this.#truncated;
    if (!this.#file) return { bytes: this.#buffer.bytes(), truncated };
    this.#stored ??= this.#file.stored();
    return { ...nothingCaptured, truncated, file: this.#stored };
  }

  keep(piece: Uint8Array<ArrayBuffer>): void | Promise<void> {
    const length = this.#file?.length ?? this.#buffer.length;
    const room = this.#isOver ? 0 : this.#settings.limit - length;
    this.#truncated ||= piece.length > room;
    if (room <= 0) return;
    const kept = piece.length <= room ? piece : piece.subarray(0, room);
    if (this.#file || length + kept.length > smallOutputBytes) return this.#store(kept);
    this.#keepInMemory(kept);
  }

  #keepInMemory(bytes: Uint8Array<ArrayBuffer>): void {
    this.#buffer.append(bytes);
    this.#settings.onKept(bytes.length);
  }

  async #store(piece: Uint8Array<ArrayBuffer>): Promise<void> {
    const moved = this.#file ? 0 : this.#buffer.length;
    const { disk } = this.#settings;
    if (disk && !disk.take(moved + piece.length)) return this.#drop(piece);
    try {
      if (this.#file) await this.#file.write(piece);
      else this.#file = await this.#fileWith(piece);
    } catch {
      // The command must not be blocked by that.
      this.#drop(piece);
    } finally {
      if (this.#closed) this.#file?.close();
    }
  }

  /** A file with all bytes so far and the piece. Until it is there, they stay in memory. */
  async #fileWith(piece: Uint8Array<ArrayBuffer>): Promise<GrowingFile> {
    const file = await this.#settings.createFile();
    try {
      await file.write(this.#buffer.bytes());
      await file.write(piece);
    } catch (error) {
      file.close();
      throw error;
    }
    if (this.#buffer.length > 0) this.#settings.onKept(-this.#buffer.length);
    this.#buffer = createByteBuffer();
    return file;
  }

  /** Drops the piece and all that follows, apart from what there is room for in memory. */
  #drop(piece: Uint8Array<ArrayBuffer>): void {
    this.#isOver = true;
    this.#truncated = true;
    if (this.#file || this.#closed) return;
    const room = smallOutputBytes - this.#buffer.length;
    this.#keepInMemory(piece.subarray(0, room));
  }

  close(): void {
    this.#isOver = true;
    this.#closed = true;
    this.#file?.close();
    this.#stored?.close();
  }
}
