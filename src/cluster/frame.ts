/**
 * How a message carries data and bytes: four bytes with the length of a JSON text (big endian), the text, then the bytes.
 *
 * @module
 */

/** A message apart. */
export interface Frame {
  /** The data; its form is still to be checked. */
  readonly head: unknown;
  /** The bytes, in the memory of the message. */
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Bytes before the text. */
const lengthBytes = 4;

/** Maximum length of the text in bytes: parsed, data can take many times the memory of its text. */
export const maxHeadBytes: number = 2 ** 20;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Puts a message together. Throws a `RangeError` if the text of the data is longer than `maxHeadBytes`. */
export function encodeFrame(
  head: object,
  ...bodies: readonly Uint8Array[]
): Uint8Array<ArrayBuffer> {
  const text = encoder.encode(JSON.stringify(head));
  if (text.length > maxHeadBytes) {
    throw new RangeError(
      `a message with ${text.length} bytes of data: it must be at most ${maxHeadBytes}`,
    );
  }
  const start = lengthBytes + text.length;
  const message = new Uint8Array(bodies.reduce((sum, { length }) => sum + length, start));
  new DataView(message.buffer).setUint32(0, text.length);
  message.set(text, lengthBytes);
  let at = start;
  for (const body of bodies) {
    message.set(body, at);
    at += body.length;
  }
  return message;
}

/** Takes a message apart; undefined if it is not one. */
export function decodeFrame(message: Uint8Array<ArrayBuffer>): Frame | undefined {
  const { buffer, byteOffset, length } = message;
  if (length < lengthBytes) return undefined;
  const headBytes = new DataView(buffer, byteOffset).getUint32(0);
  const start = lengthBytes + headBytes;
  if (headBytes > maxHeadBytes || start > length) return undefined;
  try {
    const head: unknown = JSON.parse(decoder.decode(message.subarray(lengthBytes, start)));
    return { head, body: message.subarray(start) };
  } catch {
    return undefined;
  }
}
