import assert from "node:assert/strict";
import { routesOf } from "../../src/wire/resources.ts";
import { job, setUp } from "../support/routes.ts";

Deno.test("observer() reports every answer with its route, or with none for an unknown path", async () => {
  const { send, post, answered } = setUp();
  for (const path of routesOf(false)) await send(path);
  await post(job);
  await send("/what/ever", { method: "BREW" });
  assert.deepEqual(answered, [
    ["GET", "/", 200],
    ["GET", "/payload", 405],
    ["GET", "/run", 405],
    ["GET", "/status", 200],
    ["GET", "/metrics", 200],
    ["GET", "/version", 200],
    ["GET", "/livez", 200],
    ["GET", "/readyz", 200],
    ["POST", "/payload", 200],
    ["BREW", undefined, 404],
  ]);
});

Deno.test("observer() logs access lines only when they are configured", async () => {
  for (const accessLog of [false, true]) {
    const { send, log } = setUp({ accessLog });
    await send("/status?secret=1", { headers: { "x-request-id": "r1" } });
    const lines = log.map((
      [message, fields],
    ) => [message, fields?.["url.path"], fields?.["request_id"]]);
    assert.deepEqual(lines, accessLog ? [["request answered", "/status", "r1"]] : []);
  }
});
