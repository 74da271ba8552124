import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeBase64, errorInBase64 } from "../../src/wire/base64.ts";

Deno.test("errorInBase64() names the place and the reason of an error", () => {
  const cases: [string, string][] = [
    ["YWJj*mVm", "character 5 is U+002A, which base64 does not use"],
    ["YWJj\n\u00e4", "character 6 is U+00E4, which base64 does not use"],
    ["😀", "character 1 is U+1F600, which base64 does not use"],
    ["YWJj\u000b", "character 5 is U+000B, which base64 does not use"],
    ["ab-_", "character 3 is '-', which is base64url: use '+' and '/'"],
    ["_b8=", "character 1 is '_', which is base64url: use '+' and '/'"],
    ["YQ==YQ==", "character 5 follows padding, which must be at the end"],
    ["Y=Q=", "character 3 follows padding, which must be at the end"],
    [
      "YQ",
      "it has 2 characters without white space, which is not a multiple of 4: the end or the padding is missing",
    ],
    [
      "YWJj\r\nYQ=",
      "it has 7 characters without white space, which is not a multiple of 4: the end or the padding is missing",
    ],
    ["A===", "it ends in 3 padding characters, but there can be at most 2"],
    ["====", "it ends in 4 padding characters, but there can be at most 2"],
    ["YWJjYQ======", "it ends in 6 padding characters, but there can be at most 2"],
  ];
  for (const [text, error] of cases) {
    assert.equal(decodeBase64(text), undefined, text);
    assert.equal(errorInBase64(text), error);
  }
});

Deno.test("errorInBase64() gives a correct reason for any text that decodeBase64() refuses", () => {
  const texts = fc.array(
    fc.constantFrom("A", "b", "=", "==", "+", "/", "-", "_", " ", "\n", "*", "\u000b", "é"),
  )
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(texts, (text) => {
      if (decodeBase64(text)) return;
      const error = errorInBase64(text);
      const [, place] = /^character (\d+) /.exec(error) ?? [];
      const bare = text.replace(/[\t\n\f\r ]/g, "");
      if (place !== undefined) {
        assert.ok(!/[\t\n\f\r =]/.test(text[Number(place) - 1] ?? "="), error);
      } else if (error.includes("multiple")) assert.notEqual(bare.length % 4, 0, text);
      else assert.match(bare, /={3,}$/);
    }),
    { numRuns: 2000 },
  );
});
