/**
 * Texts that property tests draw.
 *
 * @module
 */

import fc from "fast-check";

const halfPairs = { from: 0xd800, count: 0x800 };

/**
 * One character: any code point but half a surrogate pair. For `fc.string()`, in place of its unit `binary`, which takes more
 * than a second to make.
 */
export const character: fc.Arbitrary<string> = fc.nat(0x10ffff - halfPairs.count)
  .map((code) => String.fromCodePoint(code < halfPairs.from ? code : code + halfPairs.count));
