import assert from "node:assert/strict";
import fc from "fast-check";
import { createProgressFilter, type ProgressReport } from "../../src/wire/progress_line.ts";
import { cutInto, encode, joinedBytes, outputBytes } from "../support/pieces.ts";

/** What a filter passes on of pieces: text of ordinary output (as Latin-1) and reports, in order. */
function filtered(pieces: readonly (string | Uint8Array<ArrayBuffer>)[], ends = true) {
  const seen: (string | ProgressReport)[] = [];
  const filter = createProgressFilter(
    (bytes) => {
      const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
      const last = seen.at(-1);
      if (typeof last === "string") seen[seen.length - 1] = last + text;
      else seen.push(text);
    },
    (report) => seen.push(report),
  );
  for (const piece of pieces) {
    const bytes = typeof piece === "string" ? encode(piece) : piece.slice();
    filter.write(bytes);
    // The memory of a piece is reused.
    bytes.fill(0x21);
  }
  if (ends) filter.end();
  return seen;
}

for (
  const [line, report] of [
    ["::progress 40 page 4 of 10\n", { percent: 40, text: "page 4 of 10" }],
    ["::progress 40.5\n", { percent: 40.5, text: "" }],
    ["::progress 40%\r\n", { percent: 40, text: "" }],
    ["::progress 99.9% almost\r\n", { percent: 99.9, text: "almost" }],
    ["::progress 0 \n", { percent: 0, text: "" }],
    ["::progress 100  two spaces \n", { percent: 100, text: " two spaces" }],
    ["::progress 10 from cmd.exe \r\n", { percent: 10, text: "from cmd.exe" }],
    [`::progress 7 ${"x".repeat(1010)}\n`, { percent: 7, text: "x".repeat(1010) }],
  ] as const
) {
  Deno.test(`createProgressFilter() reports ${JSON.stringify(line.slice(0, 40))}`, () => {
    assert.deepEqual(filtered([`a\n${line}b\n`]), ["a\n", report, "b\n"]);
    assert.deepEqual(filtered([...`${line}${line}b`]), [report, report, "b"]);
  });
}

for (
  const line of [
    "::progress 101\n",
    "::progress 100.5 x\n",
    "::progress -1\n",
    "::progress\n",
    "::progress \n",
    "::progress 40x\n",
    "::progress 40.\n",
    "::progress 40%%\n",
    "::progress  40\n",
    " ::progress 40\n",
    "a::progress 40\n",
    "::Progress 40\n",
    "::progress 40",
    `::progress 7 ${"x".repeat(1011)}\n`,
    "\r::progress 40\n",
  ]
) {
  Deno.test(`createProgressFilter() passes ${JSON.stringify(line.slice(0, 40))} on`, () => {
    assert.deepEqual(filtered([line]), [line]);
    assert.deepEqual(filtered([...line]), [line]);
  });
}

Deno.test("createProgressFilter() passes a progress line on that is not UTF-8", () => {
  const line = joinedBytes([encode("::progress 40 "), new Uint8Array([0xff, 0x0a])]);
  assert.deepEqual(filtered([line]), ["::progress 40 \xff\n"]);
});

Deno.test("createProgressFilter() holds a line back only as long as it can become a progress line", () => {
  const held = (text: string) => filtered([text], false);
  assert.deepEqual(held("a\n::progress 40 page"), ["a\n"]);
  assert.deepEqual(held("::pro"), []);
  assert.deepEqual(held("::progress 40\r"), []);
  assert.deepEqual(held("::prx"), ["::prx"]);
  assert.deepEqual(held("::progress 101"), ["::progress 101"]);
  assert.deepEqual(held(`::progress 4 ${"x".repeat(1010)}`), []);
  const tooLong = `::progress 4 ${"x".repeat(1011)}`;
  assert.deepEqual(held(tooLong), [tooLong]);
  assert.deepEqual(filtered([new Uint8Array([...encode("::progress 4 "), 0xff])], false), [
    "::progress 4 \xff",
  ]);
});

Deno.test("createProgressFilter() does not begin a line in the middle of one that it passed on", () => {
  assert.deepEqual(filtered(["::x", "::progress 40\n", "::progress 41\n"]), [
    "::x::progress 40\n",
    { percent: 41, text: "" },
  ]);
});

Deno.test("createProgressFilter() finds the same however the output is cut", () => {
  fc.assert(
    fc.property(outputBytes, cutInto, (bytes, cut) => {
      assert.deepEqual(filtered(cut(bytes)), filtered([bytes]));
    }),
    { numRuns: 300 },
  );
});
