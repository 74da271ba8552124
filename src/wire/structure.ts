/**
 * How much structure a JSON text has. A parser makes a value, thirty times as large as its text, of every few characters
 * of structure, so the size of a body alone bounds neither the memory nor the time that parsing takes.
 *
 * @module
 */

/** The most characters `[ { , :` outside strings that a body may have. A request needs six. */
export const maxStructure = 65_536;

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const openingBracket = 0x5b;
const backslash = 0x5c;
const openingBrace = 0x7b;

/**
 * Whether a JSON text has more structure than `maxStructure`. Up to its first syntax error, which is as far as a parser
 * comes, a text that is not JSON is judged as a parser would read it.
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

/** The place of the quote that closes the string which the quote at `start` opens; the text's length if none does. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length) {
    const character = text.charCodeAt(at);
    if (character === quote) return at;
    at += character === backslash ? 2 : 1;
  }
  return text.length;
}
