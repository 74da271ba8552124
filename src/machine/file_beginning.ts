/**
 * The beginning of a file that should be small.
 *
 * @module
 */

/**
 * The first bytes of a file, `bytes` at most: asking for one more than may be there shows a file that is too large without
 * reading it, and a device or a pipe without an end. Throws an `Error` whose message says why it cannot be read.
 */
export function beginningOf(path: string, bytes: number): Uint8Array<ArrayBuffer> {
  using file = Deno.openSync(path);
  const buffer = new Uint8Array(bytes);
  let length = 0;
  while (length < bytes) {
    const read = file.readSync(buffer.subarray(length));
    if (read === null) break;
    length += read;
  }
  return buffer.subarray(0, length);
}
