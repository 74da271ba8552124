import assert from "node:assert/strict";
import fc from "fast-check";
import { errorInEncoding } from "../../src/wire/utf8.ts";
import { character } from "../support/text.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** One byte for each character, as in Latin-1. */
const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** Units of so many bytes each, big-endian unless `littleEndian`. */
function wide(text: string, bytes: 2 | 4, littleEndian = false) {
  const view = new DataView(new ArrayBuffer(bytes * text.length));
  [...text].forEach((character, index) => {
    const code = character.charCodeAt(0);
    if (bytes === 2) view.setUint16(2 * index, code, littleEndian);
    else view.setUint32(4 * index, code, littleEndian);
  });
  return new Uint8Array(view.buffer);
}

Deno.test("errorInEncoding() accepts UTF-8, with or without a byte order mark, whatever the charset", () => {
  for (const text of ["", "{}", '{"id":"Müller €😀"}', '\ufeff{"id":"x"}', "\ufffd", "\0", "a\0"]) {
    for (const type of [null, "text/plain; charset=windows-1252", "nonsense"]) {
      assert.equal(errorInEncoding(encode(text), type), undefined, text);
    }
  }
});

Deno.test("errorInEncoding() names the first byte that begins no character", () => {
  const invalid = [
    "\xfc",
    "\x80",
    "\xc0\x80",
    "\xed\xa0\x80",
    "\xf4\x90\x80\x80",
    "\xe2\x82",
    "\xff",
  ];
  fc.assert(fc.property(
    fc.string({ unit: character, maxLength: 8 }),
    fc.nat(20_000),
    fc.constantFrom(...invalid),
    fc.constantFrom("", "}", "\xfc", "\xc3\xbc".repeat(3000)),
    (text, length, wrong, rest) => {
      const before = encode(`{${text.toWellFormed()}`.padEnd(length, "ü€😀x"));
      const body = new Uint8Array([...before, ...latin1(wrong + rest)]);
      const byte = `0x${wrong.charCodeAt(0).toString(16).toUpperCase()}`;
      assert.equal(
        errorInEncoding(body, null),
        `The body is not UTF-8 text (byte ${before.length + 1} is ${byte}): send UTF-8`,
      );
    },
  ));
});

Deno.test("errorInEncoding() accepts exactly what a strict decoder reads", () => {
  const reads = (bytes: Uint8Array<ArrayBuffer>) => {
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(bytes);
      return true;
    } catch {
      return false;
    }
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5 }), (given) => {
      const bytes = new Uint8Array([0x7b, 0x22, ...given]);
      assert.equal(errorInEncoding(bytes, null) === undefined, reads(bytes));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("errorInEncoding() recognizes UTF-16 and UTF-32, with or without a byte order mark", () => {
  for (const text of ['{"id":"Müller","data":"YQ=="}', "{}", ' \r\n{"id":"x"}', '{\n"id":"x"}']) {
    for (const mark of ["", "\ufeff"]) {
      for (const littleEndian of [false, true]) {
        for (const [bytes, name] of [[2, "UTF-16"], [4, "UTF-32"]] as const) {
          assert.equal(
            errorInEncoding(wide(mark + text, bytes, littleEndian), null),
            `The body is ${name} text: send UTF-8`,
          );
        }
      }
    }
  }
});

Deno.test("errorInEncoding() does not take other kinds of files for UTF-16 or UTF-32", () => {
  const files = {
    png: "\x89PNG\r\n\x1a\n",
    mp4: "\0\0\0 ftypisom\xff",
    icon: "\0\0\x01\0\x01\0\x10\x10\xff",
    font: "\0\x01\0\0\0\x10\x01\0\xff",
    tiff: "II*\0\x08\0\0\0\xff",
    gzip: "\x1f\x8b\x08\0\0\0\0\0",
  };
  for (const [name, beginning] of Object.entries(files)) {
    assert.match(
      errorInEncoding(latin1(beginning), null) ?? "",
      /^The body is not UTF-8 text \(byte \d+ is 0x[89A-F][\dA-F]\): send UTF-8$/,
      name,
    );
  }
});

Deno.test("errorInEncoding() names a charset other than UTF-8, and quotes nothing else", () => {
  const sentence = (type: string, body = latin1("{\xfc}")) => errorInEncoding(body, type);
  const named = (charset: string) =>
    `The body is not UTF-8 text (byte 2 is 0xFC), and its Content-Type says charset=${charset}: send UTF-8`;
  assert.equal(sentence("text/plain; charset=windows-1252"), named("windows-1252"));
  assert.equal(sentence('application/json;Charset="ISO_8859-1:1987"'), named("ISO_8859-1:1987"));
  assert.equal(sentence("application/json; a=b; charset=latin1; c=d"), named("latin1"));
  assert.equal(sentence(`x;charset=${"y".repeat(40)}`), named("y".repeat(40)));
  assert.equal(
    sentence("application/json; charset=utf-16le", wide("{}", 2, true)),
    "The body is UTF-16 text, and its Content-Type says charset=utf-16le: send UTF-8",
  );
  const unnamed = [
    "",
    "application/json",
    "application/json; charset=UTF-8",
    'application/json; charset="utf8"',
    "charset=latin1",
    "x; charset=",
    `x; charset=${"y".repeat(41)}`,
    "x; charset=\x1b[2J",
    "x; charset=\xe4",
  ];
  for (const type of unnamed) {
    assert.equal(sentence(type), "The body is not UTF-8 text (byte 2 is 0xFC): send UTF-8", type);
  }
});
