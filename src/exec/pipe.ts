/**
 * Reading a pipe to its end, piece by piece.
 *
 * @module
 */

/** A pipe that is being read. */
export interface Pipe {
  /** Resolves at end-of-file, or after `stop`. Never rejects: a broken pipe is an end. */
  readonly done: Promise<void>;
  /** Whether `done` has resolved, or is about to. */
  readonly ended: boolean;
  /** Bytes read so far. */
  readonly seen: number;
  /** Stops reading even if another process still holds the write end. What was read is kept. */
  stop(): void;
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
 * Starts to read a byte stream, whatever becomes of the bytes, so that the writer is never blocked. `onPiece` gets each piece;
 * its memory is used again as soon as it returns.
 */
export function readPipe(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  scratch: Scratch,
  onPiece: (bytes: Uint8Array<ArrayBuffer>) => void,
): Pipe {
  return new PipeReader(stream, scratch, onPiece);
}

/** A class, because every job has two: an object literal with getters makes new functions each time. */
class PipeReader implements Pipe {
  readonly done: Promise<void>;
  readonly #reader: ReadableStreamBYOBReader;
  readonly #onPiece: (bytes: Uint8Array<ArrayBuffer>) => void;
  #seen = 0;
  #ended = false;

  constructor(
    stream: ReadableStream<Uint8Array<ArrayBuffer>>,
    scratch: Scratch,
    onPiece: (bytes: Uint8Array<ArrayBuffer>) => void,
  ) {
    this.#reader = stream.getReader({ mode: "byob" });
    this.#onPiece = onPiece;
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

  async #drain(scratch: Scratch): Promise<void> {
    try {
      let part = await this.#reader.read(scratch.take());
      while (!part.done) {
        this.#seen += part.value.length;
        this.#onPiece(part.value);
        part = await this.#reader.read(new Uint8Array(part.value.buffer));
      }
      // After `stop` the memory does not come back.
      if (part.value) scratch.give(new Uint8Array(part.value.buffer));
    } catch {
      // The pipe broke: what was written until then is what there is.
    }
    this.#ended = true;
  }
}
