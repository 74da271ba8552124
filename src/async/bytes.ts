/**
 * Bytes that arrive in pieces, kept in one buffer.
 *
 * @module
 */

/** A buffer that grows by copying, so that a thousand small pieces cost no more than one large one. */
export interface ByteBuffer {
  /** Bytes so far. */
  readonly length: number;
  /** Bytes of memory held. */
  readonly capacity: number;
  /** Adds a copy of a piece. */
  append(piece: Uint8Array<ArrayBuffer>): void;
  /** Everything so far, not copied. */
  bytes(): Uint8Array<ArrayBuffer>;
}

/** The smallest buffer that is allocated for a second piece, in bytes. */
const smallest = 1024;

/** Makes an empty buffer. If the number of bytes to come is known, it is `expected`: the capacity stays within it. */
export function createByteBuffer(expected = 0): ByteBuffer {
  return new Buffer(expected);
}

const empty = new Uint8Array();

/** Smaller buffers are left to the garbage collector. */
const largeBytes = 256 * 1024;

/**
 * Frees the memory of a large buffer now rather than at the next garbage collection: it can be many times what the rest of
 * the program needs. The bytes, and any other view of the same buffer, must not be used afterwards.
 */
export function freeMemory(bytes: Uint8Array<ArrayBuffer>): void {
  if (bytes.buffer.byteLength >= largeBytes) bytes.buffer.transfer(0);
}

/** Two pieces as one; the second itself if the first is empty. */
export function joined(
  first: Uint8Array<ArrayBuffer>,
  second: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  if (first.length === 0) return second;
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** A class, because every job has several: an object literal with getters creates new functions each time. */
class Buffer implements ByteBuffer {
  readonly #expected: number;
  #store = empty;
  #length = 0;

  constructor(expected: number) {
    this.#expected = expected;
  }

  get length(): number {
    return this.#length;
  }

  get capacity(): number {
    return this.#store.length;
  }

  append(piece: Uint8Array<ArrayBuffer>): void {
    const wanted = this.#length + piece.length;
    if (wanted > this.#store.length) {
      // The first piece is often the only one.
      const roomy = this.#length === 0 ? wanted : Math.max(smallest, 2 * wanted);
      const fits = wanted <= this.#expected;
      const larger = new Uint8Array(fits ? Math.min(roomy, this.#expected) : roomy);
      larger.set(this.#store.subarray(0, this.#length));
      this.#store = larger;
    }
    this.#store.set(piece, this.#length);
    this.#length = wanted;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return this.#store.subarray(0, this.#length);
  }
}
