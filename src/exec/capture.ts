/**
 * Keeps the output of a command in memory, up to a limit, for an answer that holds all of it.
 *
 * @module
 */

import { createByteBuffer } from "../async/bytes.ts";
import { type Captured, nothingCaptured } from "../jobs/job.ts";
import type { RunEvent } from "./runner.ts";

/** The captures of both streams of one run. */
export interface Captures {
  /** Takes an event of the run, as a `RunListener`. */
  onEvent(event: RunEvent): void | Promise<void>;
  /** What has been kept of standard output so far. */
  output(): Captured;
  /** What has been kept of standard error so far. */
  error(): Captured;
  /** Closes the files that it is kept in, if the result is not wanted. Idempotent. */
  close(): void;
}

/** Keeps at most `limit` bytes of each stream. `onKept` is called each time more bytes are kept, with their number. */
export function createCaptures(limit: number, onKept: (bytes: number) => void): Captures {
  return new MemoryCaptures(limit, onKept);
}

/** A class, because every job has one. Most commands write nothing, or to one stream only. */
class MemoryCaptures implements Captures {
  readonly #limit: number;
  readonly #onKept: (bytes: number) => void;
  #output: Capture | undefined;
  #error: Capture | undefined;

  constructor(limit: number, onKept: (bytes: number) => void) {
    this.#limit = limit;
    this.#onKept = onKept;
  }

  onEvent(event: RunEvent): void {
    if (event.kind === "stdout") {
      this.#output ??= new Capture(this.#limit, this.#onKept);
      this.#output.keep(event.bytes);
    } else if (event.kind === "stderr") {
      this.#error ??= new Capture(this.#limit, this.#onKept);
      this.#error.keep(event.bytes);
    }
  }

  output(): Captured {
    return this.#output?.captured() ?? nothingCaptured;
  }

  error(): Captured {
    return this.#error?.captured() ?? nothingCaptured;
  }

  close(): void {}
}

class Capture {
  #limit: number;
  readonly #onKept: (bytes: number) => void;
  readonly #buffer = createByteBuffer();
  #truncated = false;

  constructor(limit: number, onKept: (bytes: number) => void) {
    this.#limit = limit;
    this.#onKept = onKept;
  }

  captured(): Captured {
    return { bytes: this.#buffer.bytes(), truncated: this.#truncated };
  }

  /** Keeps a copy of as much of the piece as there is room for. Bytes beyond the limit, or beyond available memory, are dropped. */
  keep(piece: Uint8Array<ArrayBuffer>): void {
    const room = this.#limit - this.#buffer.length;
    this.#truncated ||= piece.length > room;
    if (room <= 0) return;
    try {
      this.#buffer.append(piece.length <= room ? piece : piece.subarray(0, room));
      this.#onKept(Math.min(piece.length, room));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      // Out of memory. The command must not be blocked by that.
      this.#truncated = true;
      this.#limit = this.#buffer.length;
    }
  }
}
