/**
 * Measures how much structure a JSON text has. From every few characters of structure a parser makes a value that takes
 * thirty times as much memory, so the size of a body alone bounds neither the memory nor the time that parsing takes.
 *
 * @module
 */

/** The maximum number of the characters `[ { , :` outside strings in a body. A request needs six. */
export const maxStructure = 65_536;

/** The quotation mark around a string of JSON. */
export const quote = 0x22;
/** The backslash that begins an escape in it. */
export const backslash = 0x5c;

const comma = 0x2c;
const colon = 0x3a;
const openingBracket = 0x5b;
const openingBrace = 0x7b;

/**
 * Whether a JSON text has more structure than `maxStructure`. Text that is not JSON is read as a parser would read it up to
 * its first syntax error, where a parser stops.
 */
export function isTooComplex(text: string): boolean {
  if (text.length <= maxStructure) return false;
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === quote) at = endOfString(text, at);
    else if (
      character === comma || character === colon || character === openingBracket ||
      character === openingBrace
    ) {
      if (++count > maxStructure) return true;
    }
  }
  return false;
}

/** Index of the quote that closes the string opened at `start`; the length of the text if there is none. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length) {
    const character = text.charCodeAt(at);
    if (character === quote) return at;
    at += character === backslash ? 2 : 1;
  }
  return text.length;
}
