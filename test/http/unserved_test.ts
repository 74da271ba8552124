import assert from "node:assert/strict";
import { job, setUp } from "../support/routes.ts";

Deno.test("OPTIONS answers 204 with Allow on every path, without CORS headers", async () => {
  const { send, log } = setUp({ ready: false });
  for (
    const [path, allow] of [
      ["/*", "GET, HEAD, POST, OPTIONS"], // what the runtime makes of OPTIONS *
      ["/", "GET, HEAD, OPTIONS"],
      ["/payload", "POST, OPTIONS"],
      ["/status", "GET, HEAD, OPTIONS"],
      ["/nowhere", "OPTIONS"],
    ] as const
  ) {
    const headers = {
      host: "evil.example",
      origin: "http://evil.example",
      "access-control-request-method": "POST",
      "access-control-request-headers": "x-jr-password",
    };
    const answer = await send(path, { method: "OPTIONS", headers });
    assert.deepEqual([answer.status, answer.text], [204, ""], path);
    assert.equal(answer.headers.get("allow"), allow);
    const names = [...answer.headers.keys()];
    assert.deepEqual(names.sort(), ["allow", "cache-control", "x-request-id"], path);
  }
  assert.deepEqual(log, []);
});

Deno.test("//path is redirected to /path with 308, which keeps the method", async () => {
  const { send } = setUp();
  const { status, headers } = await send("//payload", { method: "POST", body: job });
  assert.deepEqual([status, headers.get("location")], [308, "/payload"]);
  assert.equal((await send("//elsewhere//x")).headers.get("location"), "/elsewhere/x");
  for (const odd of ["%E2%82%AC", "a%20b", "a%0ab", "%ff"]) {
    const { status, headers } = await send(`//${odd}`);
    assert.deepEqual([status, headers.get("location")], [308, `/${odd}`]);
  }
});
