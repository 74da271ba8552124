/**
 * A request body that is a stream of known length.
 *
 * @module
 */

/**
 * Makes a body that `fetch` sends with a Content-Length. `fetch` sends any stream chunked, whatever the headers say, and
 * jobrunner accepts only small chunked bodies. Of a Blob, `fetch` reads the size and the stream (Fetch, "extract a body"); this
 * one provides both without holding the bytes in memory. `stream` must have `length` bytes and is read once.
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
