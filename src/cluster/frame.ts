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

/** Puts a message together. */
export declare function encodeFrame(
  head: unknown,
  ...bodies: readonly Uint8Array[]
): Uint8Array<ArrayBuffer>;

/** Takes a message apart; undefined if it is not one. */
export declare function decodeFrame(message: Uint8Array<ArrayBuffer>): Frame | undefined;
