/**
 * Output of commands, whole and in pieces.
 *
 * @module
 */

import fc from "fast-check";

const utf8 = new TextEncoder();

/** The bytes of a text. */
export function encode(text: string): Uint8Array<ArrayBuffer> {
  return utf8.encode(text);
}

/** Pieces as one. */
export function joinedBytes(
  pieces: readonly Uint8Array<ArrayBuffer>[],
): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** Output of all kinds: lines, progress lines and what resembles them, characters, and bytes that are none. */
export const outputBytes: fc.Arbitrary<Uint8Array<ArrayBuffer>> = fc.array(
  fc.oneof(
    fc.constantFrom(
      "::progress 40 page 4 of 10\n",
      "::progress 40.5%\r\n",
      "::progress 101\n",
      "::progress 4 ä\n",
      "::progress ",
      "::prog",
      "40",
      "%",
      "\n",
      "\r\n",
      ":",
      "é€😀",
      "\ufeff",
      "\u2028",
      "x".repeat(1000),
    ).map(encode),
    fc.string({ unit: "grapheme" }).map(encode),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => new Uint8Array(bytes)),
  ),
  { maxLength: 30 },
).map(joinedBytes);

/** Ways to cut bytes into pieces of 1 to 1 + the numbers, which repeat. */
export const cutInto: fc.Arbitrary<
  (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>[]
> = fc.array(fc.oneof(fc.nat(3), fc.nat(2000)), { minLength: 1, maxLength: 20 }).map(
  (lengths) => (bytes) => {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    for (let at = 0, count = 0; at < bytes.length; count++) {
      const length = 1 + (lengths[count % lengths.length] ?? 0);
      pieces.push(bytes.subarray(at, at + length));
      at += length;
    }
    return pieces;
  },
);
