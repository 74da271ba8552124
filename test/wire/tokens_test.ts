import assert from "node:assert/strict";
import { bearerIn, isToken, newToken } from "../../src/wire/tokens.ts";

Deno.test("newToken() makes another token each time, in the form that isToken() accepts", () => {
  const made = Array.from({ length: 100 }, newToken);
  assert.equal(new Set(made).size, 100);
  for (const token of made) {
    assert.match(token, /^jr_[A-Za-z0-9_-]{43}$/);
    assert.ok(isToken(token), token);
  }
});

Deno.test("isToken() accepts no text of another form", () => {
  const right = `jr_${"aZ09_-".padEnd(43, "x")}`;
  assert.ok(isToken(right));
  for (
    const wrong of [
      "",
      "jr_",
      "password",
      right.slice(0, -1),
      `${right}x`,
      ` ${right}`,
      `${right}\n`,
      `${right}=`,
      right.replace("jr_", "JR_"),
      right.replace("aZ", "a+"),
      right.replace("aZ", "aé"),
      `${right}, Bearer ${right}`,
    ]
  ) assert.ok(!isToken(wrong), JSON.stringify(wrong));
});

Deno.test("bearerIn() returns what follows the scheme Bearer, in upper or lower case, and nothing of another scheme", () => {
  for (
    const [header, token] of [
      ["Bearer abc", "abc"],
      ["bearer abc", "abc"],
      ["BEARER   abc", "abc"],
      ["Bearer", ""],
      ["Bearer a b", "a b"],
      ["Bearer abc, Bearer def", "abc, Bearer def"],
      ["Basic abc", undefined],
      ["Basic abc, Bearer def", undefined],
      ["Bearerabc", undefined],
      ["abc", undefined],
      ["", undefined],
      [null, undefined],
    ] as const
  ) assert.equal(bearerIn(header), token, JSON.stringify(header));
});
