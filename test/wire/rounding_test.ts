import assert from "node:assert/strict";
import { toMicroseconds, toMilliseconds } from "../../src/wire/rounding.ts";

Deno.test("toMicroseconds() and toMilliseconds() round to six and three decimal places", () => {
  assert.equal(toMicroseconds(1.23456789), 1.234568);
  assert.equal(toMilliseconds(1.23456789), 1.235);
  assert.equal(JSON.stringify(toMicroseconds(0.1 + 0.2)), "0.3");
});
