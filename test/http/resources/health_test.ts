import assert from "node:assert/strict";
import { setUp } from "../../support/routes.ts";

Deno.test("GET /livez and GET /readyz answer 200 while the server takes jobs", async () => {
  const { send } = setUp();
  assert.equal((await send("/livez")).text, "ok\n");
  assert.equal((await send("/readyz")).text, "ready\n");
});

Deno.test("GET /readyz answers 503 while the server drains, GET /livez 200", async () => {
  const { send } = setUp({ ready: false });
  assert.equal((await send("/livez")).status, 200);
  const { status, headers } = await send("/readyz");
  assert.equal(status, 503);
  assert.equal(headers.get("retry-after"), "7");
});

Deno.test("GET /readyz answers 200 and reports it while the server is saturated", async () => {
  const busy = { id: 1, sinceSec: 1, job: { id: "i", requestId: "r" } };
  const full = setUp({ status: { waiting: 30, queueLimit: 30, workers: [busy] } });
  const { status, text } = await full.send("/readyz");
  assert.equal(status, 200);
  assert.equal(text, "ready, saturated: 30 of 30 places are taken\n");
  const idle = setUp({ status: { waiting: 0, queueLimit: 0, workers: [{ id: 1, sinceSec: 1 }] } });
  assert.equal((await idle.send("/readyz")).text, "ready\n");
});
