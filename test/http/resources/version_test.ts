import assert from "node:assert/strict";
import { setUp } from "../../support/routes.ts";

Deno.test("GET /version answers with one line of JSON", async () => {
  assert.equal((await setUp().send("/version")).text, '{"version":"1.2.3"}\n');
});
