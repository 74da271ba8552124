/**
 * The body of a request that comes as a stream and whose length is known all the same.
 *
 * @module
 */

/**
 * A body that `fetch` sends with a Content-Length. It sends a stream chunked, whatever headers say, and jobrunner takes
 * only small chunked bodies; of a Blob it asks the size and the stream (Fetch, "extract a body"), which are given here
 * without the bytes being in memory. `stream` must have `length` bytes and is read once.
 */
export function sizedBody(stream: ReadableStream<Uint8Array<ArrayBuffer>>, length: number): Blob {
  return new SizedBody(stream, length);
}

class SizedBody extends Blob {
  readonly #stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #length: number;

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>, length: number) {
    super();
    this.#stream = stream;
    this.#length = length;
  }

  override get size(): number {
    return this.#length;
  }

  override stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#stream;
  }
}
