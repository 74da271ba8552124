/**
 * Reading a pipe to its end while keeping no more than a limit.
 *
 * @module
 */

import { createByteBuffer } from "../async/bytes.ts";
import type { Captured } from "../jobs/job.ts";

/** A pipe that is being read. */
export interface Capture {
  /** Resolves at end-of-file, or after `stop`. Never rejects: a broken pipe is an end. */
  readonly done: Promise<void>;
  /** Whether `done` has resolved, or is about to. */
  readonly ended: boolean;
  /** Bytes read so far, kept or not. */
  readonly seen: number;
  /** Lets go of the pipe, whoever still holds its other end. What was read stays. */
  stop(): void;
  /** What was kept. */
  take(): Captured;
}

/** Memory to read into, used again and again: most commands say little, and a flood is mostly dropped. */
export interface Scratch {
  /** Memory that nobody else has. */
  take(): Uint8Array<ArrayBuffer>;
  /** It is not needed any more. */
  give(memory: Uint8Array<ArrayBuffer>): void;
}

/** What a pipe of Linux holds (pipe(7)), so that one read empties it. */
const scratchBytes = 64 * 1024;

/** Holds as many pieces as were ever in use at the same time. */
export function createScratch(): Scratch {
  const free: Uint8Array<ArrayBuffer>[] = [];
  return {
    take: () => free.pop() ?? new Uint8Array(scratchBytes),
    give: (memory) => void free.push(memory),
  };
}

/**
 * Starts to read a byte stream. Bytes beyond `limit`, or beyond what memory there is, are read and dropped, so that the
 * writer is never blocked. `onKept` hears of so many more bytes that are kept.
 */
export function capture(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  limit: number,
  scratch: Scratch,
  onKept: (bytes: number) => void = () => {},
): Capture {
  return new Reading(stream, limit, scratch, onKept);
}

/** A class, because every job has two: getters of a plain object are made anew with each. */
class Reading implements Capture {
  readonly done: Promise<void>;
  readonly #reader: ReadableStreamBYOBReader;
  #limit: number;
  readonly #onKept: (bytes: number) => void;
  readonly #buffer = createByteBuffer();
  #truncated = false;
  #seen = 0;
  #ended = false;

  constructor(
    stream: ReadableStream<Uint8Array<ArrayBuffer>>,
    limit: number,
    scratch: Scratch,
    onKept: (bytes: number) => void,
  ) {
    this.#reader = stream.getReader({ mode: "byob" });
    this.#limit = limit;
    this.#onKept = onKept;
    this.done = this.#drain(scratch);
  }

  get ended(): boolean {
    return this.#ended;
  }

  get seen(): number {
    return this.#seen;
  }

  stop(): void {
    this.#reader.cancel().catch(() => {});
  }

  take(): Captured {
    return { bytes: this.#buffer.bytes(), truncated: this.#truncated };
  }

  async #drain(scratch: Scratch): Promise<void> {
    try {
      let part = await this.#reader.read(scratch.take());
      while (!part.done) {
        this.#keep(part.value);
        part = await this.#reader.read(new Uint8Array(part.value.buffer));
      }
      // After `stop` the memory does not come back.
      if (part.value) scratch.give(new Uint8Array(part.value.buffer));
    } catch {
      // The pipe broke: what was written until then is what there is.
    }
    this.#ended = true;
  }

  #keep(piece: Uint8Array<ArrayBuffer>): void {
    this.#seen += piece.length;
    const room = this.#limit - this.#buffer.length;
    this.#truncated ||= piece.length > room;
    if (room <= 0) return;
    try {
      this.#buffer.append(piece.length <= room ? piece : piece.subarray(0, room));
      this.#onKept(Math.min(piece.length, room));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      // There is no more memory. The writer must not be blocked for that.
      this.#truncated = true;
      this.#limit = this.#buffer.length;
    }
  }
}
