import assert from "node:assert/strict";
import { job, setUp } from "../support/routes.ts";

Deno.test("POST /payload answers 401 to a wrong or missing password before it reads the body", async () => {
  const { post, send } = setUp({ password: "päss wörd" });
  // Header values travel as bytes, one character each.
  const asBytes = String.fromCharCode(...new TextEncoder().encode("päss wörd"));
  assert.equal((await post(job, { "x-jr-password": asBytes })).status, 200);
  let pulled = 0;
  const body = new ReadableStream({ pull: () => void pulled++ }, { highWaterMark: 0 });
  const refused = await send("/payload", { method: "POST", body });
  assert.equal(refused.status, 401);
  assert.equal(refused.text, "Invalid password supplied in X-JR-PASSWORD header\n");
  assert.ok(refused.headers.get("www-authenticate"));
  assert.equal(pulled, 0);
  for (const wrong of ["", "x", `${asBytes}x`, asBytes.slice(1)]) {
    assert.equal((await post(job, { "x-jr-password": wrong })).status, 401, wrong);
  }
});

Deno.test("POST /payload ignores a password when the server has none", async () => {
  assert.equal((await setUp().post(job, { "x-jr-password": "anything" })).status, 200);
});
