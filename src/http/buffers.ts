/**
 * The budget of bytes that may be read or waiting, all requests together.
 *
 * @module
 */

/** A request's share of the budget. */
export interface Share extends Disposable {
  /** Makes the share `bytes` large; says no, and leaves it as it is, when the budget does not allow it. */
  resize(bytes: number): boolean;
  /** Gives everything back. Twice is fine. */
  release(): void;
}

/** See the module's head. */
export interface Buffers {
  /** Bytes held now. */
  readonly held: number;
  /** The most that may be held. */
  readonly limit: number;
  /** An empty share. */
  open(): Share;
}

/** Makes a budget of `limit` bytes; `Infinity` for none. */
export function createBuffers(limit: number): Buffers {
  let held = 0;
  return {
    limit,
    get held() {
      return held;
    },
    open() {
      let size = 0;
      const resize = (bytes: number) => {
        if (!Number.isSafeInteger(bytes) || bytes < 0) return false;
        if (bytes > size && held - size + bytes > limit) return false;
        held += bytes - size;
        size = bytes;
        return true;
      };
      const release = () => void resize(0);
      return { resize, release, [Symbol.dispose]: release };
    },
  };
}
