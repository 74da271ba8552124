/**
 * The encoding of a body. JSON in transit is UTF-8 (RFC 8259, section 8.1). Other bytes must not be decoded with replacement
 * characters, which would turn different ids into the same one.
 *
 * @module
 */

import { isUtf8 } from "node:buffer";

/**
 * Returns a sentence that says why a body is not UTF-8, or undefined if it is. The sentence names the charset of the
 * Content-Type, which is read only for this. Bytes are counted from 1.
 */
export function errorInEncoding(
  body: Uint8Array<ArrayBuffer>,
  contentType: string | null,
): string | undefined {
  const encoding = wideEncoding(body);
  if (!encoding && isUtf8(body)) return undefined;
  const what = encoding
    ? `The body is ${encoding} text`
    : `The body is not UTF-8 text (${firstInvalidByte(body)})`;
  const charset = foreignCharset(contentType ?? "");
  return `${what}${charset ? `, and its Content-Type says charset=${charset}` : ""}: send UTF-8`;
}

/** A character that JSON may begin with (printable ASCII or white space), in hexadecimal. */
const ascii = "(?:0[9ad]|[2-7][0-9a-f])";

/** The first bytes of each encoding: a byte order mark or, since JSON begins with ASCII, zeros (RFC 4627, section 3). */
const wideEncodings = [
  ["UTF-32", new RegExp(`^(?:0000feff|fffe0000|(?:000000${ascii}){2}|(?:${ascii}000000){2})`)],
  ["UTF-16", new RegExp(`^(?:feff|fffe|(?:00${ascii}){2}|(?:${ascii}00){2})`)],
] as const;

/** Names the encoding of UTF-16 or UTF-32. Some of it is valid UTF-8 too, but with NUL characters that JSON cannot have there. */
function wideEncoding(body: Uint8Array<ArrayBuffer>): string | undefined {
  const first = body[0] ?? 0;
  const second = body[1] ?? 0;
  if (first !== 0 && second !== 0 && first < 0xfe) return undefined;
  const beginning = body.subarray(0, 8).toHex();
  return wideEncodings.find(([, pattern]) => pattern.test(beginning))?.[0];
}

/** Names the first byte that does not begin a character, in bytes that are not UTF-8. */
function firstInvalidByte(bytes: Uint8Array<ArrayBuffer>): string {
  const areCharacters = (from: number, to: number) => isUtf8(bytes.subarray(from, to));
  let at = 0;
  for (let end = 0; areCharacters(at, end); end = portionEnd(bytes, at)) at = end;
  const lengthAt = (at: number) => [1, 2, 3, 4].find((length) => areCharacters(at, at + length));
  for (let length = lengthAt(at); length; length = lengthAt(at)) at += length;
  return `byte ${at + 1} is 0x${(bytes[at] ?? 0).toString(16).toUpperCase()}`;
}

/** The end of a portion of 4096 bytes, moved behind its last character by at most three bytes. */
function portionEnd(bytes: Uint8Array, from: number): number {
  let end = from + 4096;
  while (end < from + 4099 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end++;
  return end;
}

/**
 * The charset of a Content-Type, if it has the form of a name (RFC 2978, section 2.3: up to 40 characters) and is not UTF-8.
 * `MIMEType` of `node:util` takes quadratic time.
 */
function foreignCharset(contentType: string): string | undefined {
  const [, charset] = /;[ \t]*charset="?([\w.:+-]{1,40})(?![\w.:+-])/i.exec(contentType) ?? [];
  return charset === undefined || /^utf-?8$/i.test(charset) ? undefined : charset;
}
