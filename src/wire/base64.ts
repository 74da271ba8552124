/**
 * Base64 as the server and its clients read it (RFC 4648, section 4). ASCII white space between the characters is allowed.
 * Padding is required, since without it a truncated payload could pass for a whole one. Unused bits before the padding are
 * ignored.
 *
 * @module
 */

/** Returns the bytes, or undefined for text that is not base64. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.fromBase64(text, { lastChunkHandling: "strict" });
  } catch {
    if (text.replace(/[\t\n\f\r ]/g, "").length % 4 !== 0) return undefined;
  }
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    return undefined;
  }
}

const equalsSign = 0x3d;
const hyphen = 0x2d;
const underscore = 0x5f;

/**
 * Says what is wrong with text that `decodeBase64` cannot decode, as a phrase to follow a colon. Characters are counted from 1,
 * white space included. The phrase names at most one character of the text, the first wrong one.
 */
export function errorInBase64(text: string): string {
  let length = 0;
  let padding = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (isWhiteSpace(code)) continue;
    length++;
    if (code === equalsSign) padding++;
    else if (code === hyphen || code === underscore) {
      const found = String.fromCharCode(code);
      return `character ${at + 1} is '${found}', which is base64url: use '+' and '/'`;
    } else if (!isInAlphabet(code)) {
      return `character ${at + 1} is ${unicodeName(text, at)}, which base64 does not use`;
    } else if (padding > 0) return `character ${at + 1} follows padding, which must be at the end`;
  }
  if (length % 4 !== 0) {
    return `it has ${length} characters without white space, which is not a multiple of 4: the end or the padding is missing`;
  }
  return `it ends in ${padding} padding characters, but there can be at most 2`;
}

function isWhiteSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d && code !== 0x0b);
}

function isInAlphabet(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x30 && code <= 0x39) || code === 0x2b || code === 0x2f;
}

/** A name such as `U+00E4`, which is safe in any log or terminal. */
function unicodeName(text: string, at: number): string {
  return `U+${(text.codePointAt(at) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
}
