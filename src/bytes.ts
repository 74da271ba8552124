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
  /** Adds a piece. A first piece is kept as it is, so it must not change any more. */
  append(piece: Uint8Array<ArrayBuffer>): void;
  /** Everything so far, not copied. */
  bytes(): Uint8Array<ArrayBuffer>;
}

/** The smallest buffer that is made for a second piece. */
const smallest = 1024;

/** An empty buffer. `expected` bytes, if it is known how many will come, are never exceeded in capacity. */
export function createByteBuffer(expected = 0): ByteBuffer {
  let store = new Uint8Array();
  let length = 0;
  return {
    get length() {
      return length;
    },
    get capacity() {
      return store.length;
    },
    append(piece) {
      const wanted = length + piece.length;
      if (length === 0) {
        store = piece;
      } else {
        if (wanted > store.length) {
          const doubled = Math.max(smallest, 2 * wanted);
          const larger = new Uint8Array(wanted <= expected ? Math.min(doubled, expected) : doubled);
          larger.set(store.subarray(0, length));
          store = larger;
        }
        store.set(piece, length);
      }
      length = wanted;
    },
    bytes: () => store.subarray(0, length),
  };
}
