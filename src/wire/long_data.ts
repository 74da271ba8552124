/**
 * Large bodies of `POST /payload`: their `data` is decoded in place, without a string or a JSON tree of it.
 *
 * Only the plain form is supported: `"data"` near the beginning, its value base64 without escapes and line breaks. A body in
 * any other form is left unchanged for the parser of whole bodies, whose verdict counts.
 *
 * @module
 */

import { decodeBase64 } from "./base64.ts";
import { backslash, quote } from "./structure.ts";

/** A body whose `data` has been found. */
export interface LongData {
  /** The JSON text, with `mark` in the place of the value of `data`. */
  readonly text: string;
  /** A random string that no client can have sent: if the parsed JSON has it as `data`, the right value was found. */
  readonly mark: string;
  /** Decodes the payload within the memory of the body, which has no other use then; or returns undefined and restores the body. */
  decode(): Uint8Array<ArrayBuffer> | undefined;
}

/** The key must begin within these first bytes: the longest id fits before it, even with every character escaped. */
const headBytes = 16 * 1024;

/** Looks for the data in a body that is UTF-8. Undefined if the body does not have the plain form. */
export function findLongData(body: Uint8Array<ArrayBuffer>): LongData | undefined {
  // Latin-1 has one character per byte, so an index in the text is also an index in the bytes.
  const head = new TextDecoder("latin1").decode(body.subarray(0, headBytes));
  const found = /"data"[ \t\n\r]*:[ \t\n\r]*"/.exec(head);
  if (!found) return undefined;
  const start = found.index + found[0].length;
  const end = body.indexOf(quote, start);
  if (end < 0 || body.subarray(start, end).includes(backslash)) return undefined;
  const mark = crypto.randomUUID();
  const utf8 = new TextDecoder();
  const before = utf8.decode(body.subarray(0, start));
  return {
    text: before + mark + utf8.decode(body.subarray(end)),
    mark,
    decode: () => decodeInPlace(body.subarray(start, end)),
  };
}

/** Characters that are decoded at a time, and the number of bytes that they encode. */
const sliceLength = 2 ** 16;
const sliceBytes = sliceLength / 4 * 3;

/** Decoded bytes are shorter than their text, so they never overwrite text that is not decoded yet. */
function decodeInPlace(text: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | undefined {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const source = new Uint8Array(sliceLength);
  const slices = Math.max(0, Math.ceil(text.length / sliceLength) - 1);
  for (let slice = 0; slice < slices; slice++) {
    const from = slice * sliceLength;
    source.set(text.subarray(from, from + sliceLength));
    const target = text.subarray(slice * sliceBytes, (slice + 1) * sliceBytes);
    if (decodesInto(target, decoder.decode(source))) continue;
    text.set(source, from);
    restore(text, slice);
    return undefined;
  }
  const rest = decoder.decode(text.subarray(slices * sliceLength));
  const last = decodeBase64(rest);
  if (last?.length !== bytesIn(rest)) {
    restore(text, slices);
    return undefined;
  }
  text.set(last, slices * sliceBytes);
  return text.subarray(0, slices * sliceBytes + last.length);
}

/** Number of bytes that the characters encode, if they are base64 without white space. */
function bytesIn(characters: string): number {
  const padding = characters.endsWith("==") ? 2 : characters.endsWith("=") ? 1 : 0;
  return characters.length / 4 * 3 - padding;
}

/** Decodes the characters into `target`. False unless they are base64 without white space. */
function decodesInto(target: Uint8Array<ArrayBuffer>, characters: string): boolean {
  try {
    return target.setFromBase64(characters, { lastChunkHandling: "strict" }).written === sliceBytes;
  } catch {
    return false;
  }
}

/** Turns the slices before `count` back into text, the last one first. */
function restore(text: Uint8Array<ArrayBuffer>, count: number): void {
  for (let slice = count - 1; slice >= 0; slice--) {
    const bytes = text.subarray(slice * sliceBytes, (slice + 1) * sliceBytes);
    new TextEncoder().encodeInto(bytes.toBase64(), text.subarray(slice * sliceLength));
  }
}
