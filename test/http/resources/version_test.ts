import assert from "node:assert/strict";
import { setUp } from "../../support/routes.ts";

Deno.test("the version is one line of JSON", async () => {
  assert.equal((await setUp().send("/version")).text, '{"version":"1.2.3"}\n');
});
