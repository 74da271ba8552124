import assert from "node:assert/strict";
import { bearerIn, isToken, newToken } from "../../src/wire/tokens.ts";

Deno.test("newToken() makes tokens of the documented form, each another one", () => {
  const tokens = Array.from({ length: 100 }, newToken);
  assert.equal(new Set(tokens).size, 100);
  for (const token of tokens) assert.ok(isToken(token), token);
});

Deno.test("isToken() accepts nothing but the documented form", () => {
  const token = newToken();
  for (
    const text of [
      "",
      "secret",
      token.slice(0, -1),
      `${token}x`,
      token.slice(3),
      `${token}\n`,
      ` ${token}`,
    ]
  ) {
    assert.ok(!isToken(text), text);
  }
});

Deno.test("bearerIn() reads the credentials of the scheme Bearer, in either case, and of no other", () => {
  assert.equal(bearerIn("Bearer abc"), "abc");
  assert.equal(bearerIn("bEARER   abc"), "abc");
  assert.equal(bearerIn("Bearer"), "");
  assert.equal(bearerIn("Basic abc"), undefined);
  assert.equal(bearerIn("Bearerabc"), undefined);
  assert.equal(bearerIn(""), undefined);
  assert.equal(bearerIn(null), undefined);
});
