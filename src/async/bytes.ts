/**
 * Bytes that come in pieces, kept in one place.
 *
 * @module
 */

/** Grows by copying, so that a thousand small pieces cost no more than one large one. */
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

/** The smallest buffer that is made for a second piece. */
const smallest = 1024;

/** An empty buffer. `expected` bytes, if it is known how many will come, are never exceeded in capacity. */
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
export function letGo(bytes: Uint8Array<ArrayBuffer>): void {
  if (bytes.buffer.byteLength >= largeBytes) bytes.buffer.transfer(0);
}

/** A class, because there are several for every job: an object literal with getters makes new functions each time. */
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
      // A first piece is often the only one.
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
