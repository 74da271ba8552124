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
  /** Whether the piece that was read last is still being handled, so that nothing more is read. */
  readonly held: boolean;
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

/** Size of the memory that is lent in bytes: the default capacity of a pipe on Linux (pipe(7)), so that one read empties it. */
export const scratchBytes = 64 * 1024;

/** Keeps as many buffers as were ever in use at the same time. */
export function createScratch(): Scratch {
  const free: Uint8Array<ArrayBuffer>[] = [];
  return {
    take: () => free.pop() ?? new Uint8Array(scratchBytes),
    give: (memory) => void free.push(memory),
  };
}

/**
 * Called with a piece of a stream. If it returns a promise, which must not reject, the memory of the piece is reused and the
 * next piece read only when that has resolved; else as soon as it returns.
 */
export type PieceListener = (bytes: Uint8Array<ArrayBuffer>) => void | Promise<void>;

/**
 * Starts to read a byte stream, and reads it to its end even if the bytes are not kept, so that the writer is never blocked.
 * `onPiece` is called with each piece.
 */
export function readPipe(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  scratch: Scratch,
  onPiece: PieceListener,
): Pipe {
  return new PipeReader(stream, scratch, onPiece);
}

const intoMemory = { mode: "byob" } as const;

/** A class, because every job has two: an object literal with getters creates new functions each time. */
class PipeReader implements Pipe {
  readonly done: Promise<void>;
  readonly #reader: ReadableStreamBYOBReader;
  readonly #onPiece: PieceListener;
  #seen = 0;
  #held = false;
  #ended = false;

  constructor(
    stream: ReadableStream<Uint8Array<ArrayBuffer>>,
    scratch: Scratch,
    onPiece: PieceListener,
  ) {
    this.#reader = stream.getReader(intoMemory);
    this.#onPiece = onPiece;
    this.done = this.#drain(scratch);
  }

  get ended(): boolean {
    return this.#ended;
  }

  get seen(): number {
    return this.#seen;
  }

  get held(): boolean {
    return this.#held;
  }

  stop(): void {
    this.#reader.cancel().catch(() => {});
  }

  async #drain(scratch: Scratch): Promise<void> {
    try {
      let part = await this.#reader.read(scratch.take());
      while (!part.done) {
        this.#seen += part.value.length;
        const handled = this.#onPiece(part.value);
        if (handled) {
          this.#held = true;
          await handled;
          this.#held = false;
        }
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
