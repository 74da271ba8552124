import assert from "node:assert/strict";
import { setUp } from "../../support/routes.ts";

Deno.test("a server that takes jobs is alive and ready", async () => {
  const { send } = setUp();
  assert.equal((await send("/livez")).text, "ok\n");
  assert.equal((await send("/readyz")).text, "ready\n");
});

Deno.test("a draining server is alive but not ready", async () => {
  const { send } = setUp({ ready: false });
  assert.equal((await send("/livez")).status, 200);
  const { status, headers } = await send("/readyz");
  assert.equal(status, 503);
  assert.equal(headers.get("retry-after"), "7");
});

Deno.test("a saturated server is ready, and says that it is saturated", async () => {
  const busy = { id: 1, sinceSec: 1, job: { id: "i", requestId: "r" } };
  const full = setUp({ status: { waiting: 30, queueLimit: 30, workers: [busy] } });
  const { status, text } = await full.send("/readyz");
  assert.equal(status, 200);
  assert.equal(text, "ready, saturated: 30 of 30 places are taken\n");
  const idle = setUp({ status: { waiting: 0, queueLimit: 0, workers: [{ id: 1, sinceSec: 1 }] } });
  assert.equal((await idle.send("/readyz")).text, "ready\n");
});
