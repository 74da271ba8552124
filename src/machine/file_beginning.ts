/**
 * Reads the beginning of a file that should be small.
 *
 * @module
 */

/**
 * Reads the first bytes of a file, at most `bytes`. A caller that asks for one byte more than it allows detects a file that
 * is too large, or an endless device or pipe, without reading all of it. Throws an `Error` whose message says why the file
 * cannot be read.
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
