import assert from "node:assert/strict";
import { stdinIsPiped } from "../../src/config/stdin.ts";

Deno.test("stdinIsPiped() is true for a command that gets its payload or its jobs by standard input", () => {
  assert.equal(stdinIsPiped({ stdin: "null", warm: false }), false);
  assert.equal(stdinIsPiped({ stdin: "payload", warm: false }), true);
  assert.equal(stdinIsPiped({ stdin: "null", warm: true }), true);
});
