/**
 * Large bodies of `POST /payload`: their `data` is decoded where it stands, without a text or a JSON tree of it.
 *
 * Only the plain form is dealt with: `"data"` near the beginning, its value base64 without escapes and line breaks.
 * Whatever is different is left, untouched, to the reading of the whole, which is what decides.
 *
 * @module
 */

import { decodeBase64 } from "./base64.ts";

/** A body whose `data` has been found. */
export interface LongData {
  /** The JSON text, with `mark` in the place of the data. */
  readonly text: string;
  /** A string that nobody could have sent: if it comes out of the JSON as `data`, what was found is the data. */
  readonly mark: string;
  /** The payload, in the memory of the body, which is of no other use then; or undefined, the body as it was. */
  decode(): Uint8Array<ArrayBuffer> | undefined;
}

/** Where the key must stand: an id of the greatest length fits before it, every character of it escaped. */
const headBytes = 16 * 1024;

const quote = 0x22;
const backslash = 0x5c;

/** Looks into a body that is UTF-8. Undefined when there is nothing in that form. */
export function findLongData(body: Uint8Array<ArrayBuffer>): LongData | undefined {
  // Latin-1, one character per byte: the place in the text is the place in the bytes.
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

/** Characters that are decoded at a time, and the bytes that they are. */
const sliceLength = 2 ** 16;
const sliceBytes = sliceLength / 4 * 3;

/** What is decoded is shorter than its text, so it never reaches the text that is still to come. */
function decodeInPlace(text: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | undefined {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const source = new Uint8Array(sliceLength);
  const slices = Math.max(0, Math.ceil(text.length / sliceLength) - 1);
  for (let slice = 0; slice < slices; slice++) {
    const from = slice * sliceLength;
    source.set(text.subarray(from, from + sliceLength));
    const target = text.subarray(slice * sliceBytes, (slice + 1) * sliceBytes);
    if (fills(target, decoder.decode(source))) continue;
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

/** Bytes that the characters are, if they are base64 with nothing else in between. */
function bytesIn(characters: string): number {
  const padding = characters.endsWith("==") ? 2 : characters.endsWith("=") ? 1 : 0;
  return characters.length / 4 * 3 - padding;
}

/** Whether the characters are base64 with nothing else in between. */
function fills(target: Uint8Array<ArrayBuffer>, characters: string): boolean {
  try {
    return target.setFromBase64(characters, { lastChunkHandling: "strict" }).written === sliceBytes;
  } catch {
    return false;
  }
}

/** Makes text again of the slices before `count`, the last of them first. */
function restore(text: Uint8Array<ArrayBuffer>, count: number): void {
  for (let slice = count - 1; slice >= 0; slice--) {
    const bytes = text.subarray(slice * sliceBytes, (slice + 1) * sliceBytes);
    new TextEncoder().encodeInto(bytes.toBase64(), text.subarray(slice * sliceLength));
  }
}
