/**
 * Reads a pipe to its end, piece by piece.
 *
 * @module
 */

/** A pipe that is being read. */
export interface Pipe {
  /** Resolves at end-of-file, or after `stop`. Never rejects: a read error counts as the end. */
  readonly done: Promise<void>;
  /** Whether `done` has resolved, or is about to. */
  readonly ended: boolean;
  /** Bytes read so far. */
  readonly seen: number;
  /** Stops reading even if another process still holds the write end. What was read is kept. */
  stop(): void;
}

/** Reusable memory to read into: most commands write little, and most of a flood is dropped. */
export interface Scratch {
  /** Lends memory that is not in use. */
  take(): Uint8Array<ArrayBuffer>;
  /** Takes back memory that is no longer needed. */
  give(memory: Uint8Array<ArrayBuffer>): void;
}

/** Default capacity of a pipe on Linux (pipe(7)), so that one read empties it. */
const scratchBytes = 64 * 1024;

/** Keeps as many buffers as were ever in use at the same time. */
export function createScratch(): Scratch {
  const free: Uint8Array<ArrayBuffer>[] = [];
  return {
    take: () => free.pop() ?? new Uint8Array(scratchBytes),
    give: (memory) => void free.push(memory),
  };
}

/**
 * Starts to read a byte stream, and reads it to its end even if the bytes are not kept, so that the writer is never blocked.
 * `onPiece` is called with each piece, whose memory is reused as soon as it returns.
 */
export function readPipe(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  scratch: Scratch,
  onPiece: (bytes: Uint8Array<ArrayBuffer>) => void,
): Pipe {
  return new PipeReader(stream, scratch, onPiece);
}

/** A class, because every job has two: an object literal with getters creates new functions each time. */
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
      // After `stop` the runtime does not give the memory back.
      if (part.value) scratch.give(new Uint8Array(part.value.buffer));
    } catch {
      // The pipe broke: the bytes read until then are kept.
    }
    this.#ended = true;
  }
}
