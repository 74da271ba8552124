import assert from "node:assert/strict";
import {
  maxPasswordBytes,
  passwordSource,
  readPasswordFrom,
  withoutLineEnds,
} from "../../src/wire/password.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("readPasswordFrom() reads one line of UTF-8, from text and from bytes alike", () => {
  for (
    const [given, password] of [
      ["hunter2", "hunter2"],
      ["\r\n\n\rhunter2\n\r\r\n", "hunter2"],
      ["\ufeffhunter2\n", "hunter2"],
      ["two words\tand a tab", "two words\tand a tab"],
      ["pässwörd €", "pässwörd €"],
      ["x".repeat(maxPasswordBytes), "x".repeat(maxPasswordBytes)],
    ] as const
  ) {
    assert.deepEqual(readPasswordFrom(given), { ok: true, password });
    assert.deepEqual(readPasswordFrom(bytes(given)), { ok: true, password });
  }
});

Deno.test("readPasswordFrom() refuses what a header cannot carry, without quoting it", () => {
  const lines = "it must be one line, not several";
  const blanks = "it must not begin or end with a space or tab, since HTTP drops those";
  const controls = "it must be UTF-8 text without NUL and other control characters";
  const large = "it must have at most 4096 bytes";
  for (
    const [given, sentence] of [
      ["", "it is empty"],
      ["\ufeff\r\n", "it is empty"],
      ["hunter2\nhunter3", lines],
      ["hunter2\rhunter3", lines],
      [" hunter2", blanks],
      ["hunter2\t\n", blanks],
      [" ", blanks],
      ["hunter2\0", controls],
      ["h\0u\0n\0t\0\n\0e\0r\0", controls],
      ["hunter2\x7f", controls],
      ["hunter2\u0085", controls],
      ["x".repeat(maxPasswordBytes) + "\n", large],
    ] as const
  ) {
    assert.deepEqual(readPasswordFrom(given), { ok: false, sentence }, given);
    assert.deepEqual(readPasswordFrom(bytes(given)), { ok: false, sentence }, given);
  }
});

Deno.test("readPasswordFrom() refuses every encoding but UTF-8", () => {
  const refused = { ok: false, sentence: "it must be UTF-8 text" };
  for (
    const encoded of [
      // UTF-16 with its byte order mark, in both orders; Latin-1; half a surrogate pair; a truncated sequence.
      [0xff, 0xfe, 0x68, 0x00],
      [0xfe, 0xff, 0x00, 0x68],
      [0x70, 0xe4, 0x73],
      [0xed, 0xa0, 0x80],
      [0x68, 0xe2, 0x82],
    ]
  ) assert.deepEqual(readPasswordFrom(Uint8Array.from(encoded)), refused);
  assert.deepEqual(readPasswordFrom("hunter\ud800"), refused);
});

Deno.test("withoutLineEnds() takes linear time", () => {
  assert.equal(withoutLineEnds("\r\n a\r\nb \n\r"), " a\r\nb ");
  assert.equal(withoutLineEnds("\r\n\r"), "");
  // An expression such as /[\r\n]+$/ would need some 10^11 steps for this.
  const inner = `a${"\n".repeat(500_000)}b`;
  assert.equal(withoutLineEnds(`\n${inner}\r`), inner);
});

Deno.test("passwordSource() prefers the flag, and reports both variables set as a conflict", () => {
  const none = { flag: undefined, file: undefined, variable: undefined };
  const all = { flag: "flag", file: "file", variable: "text" };
  assert.deepEqual(passwordSource(none), { kind: "none" });
  assert.deepEqual(passwordSource({ flag: undefined, file: "", variable: "\r\n" }), {
    kind: "none",
  });
  assert.deepEqual(passwordSource(all), { kind: "file", path: "flag" });
  assert.deepEqual(passwordSource({ ...all, flag: undefined }), { kind: "both" });
  assert.deepEqual(passwordSource({ ...none, file: "file", variable: "\n" }), {
    kind: "file",
    path: "file",
  });
  assert.deepEqual(passwordSource({ ...none, variable: "text\n" }), {
    kind: "variable",
    text: "text\n",
  });
});
