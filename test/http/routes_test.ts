import assert from "node:assert/strict";
import { job, setUp } from "../support/routes.ts";

Deno.test("createRoutes() answers 404, 405 with Allow, and HEAD wherever GET is", async () => {
  const { send } = setUp();
  assert.equal((await send("/index.html")).status, 404);
  assert.equal((await send("/payload/")).status, 404);
  for (const method of ["GET", "HEAD", "PUT", "DELETE"]) {
    const { status, headers, text } = await send("/payload", { method });
    assert.equal(status, 405, method);
    assert.equal(headers.get("allow"), "POST, OPTIONS");
    assert.equal(text, method === "HEAD" ? "" : "This path accepts POST only\n");
  }
  for (const path of ["/", "/status", "/metrics", "/version", "/livez", "/readyz"]) {
    const { status, headers } = await send(path, { method: "POST", body: "x" });
    assert.equal(status, 405, path);
    assert.equal(headers.get("allow"), "GET, HEAD, OPTIONS");
    const got = await send(path);
    const head = await send(path, { method: "HEAD" });
    assert.equal(got.status, 200, path);
    assert.equal(head.status, 200, path);
    assert.equal(head.text, "");
    for (const name of ["content-type", "content-length", "cache-control"]) {
      assert.equal(head.headers.get(name), got.headers.get(name), `${path} ${name}`);
    }
    assert.equal(Number(got.headers.get("content-length")), got.text.length);
  }
});

Deno.test("createRoutes() answers 400 to a Host that would change the path, whatever the path is", async () => {
  for (const options of [{}, { password: "p" }]) {
    const { send, log } = setUp(options);
    for (const host of ["a/metrics?", "a/../status?", "a?", "a#", "a\\b", "/", ""]) {
      for (const method of ["GET", "POST", "OPTIONS"]) {
        const { status, text } = await send("/livez", { method, headers: { host } });
        assert.equal(status, 400, `${method} ${host}`);
        assert.match(text, /^Host: must be a host/);
      }
    }
    assert.equal(log.at(-1)?.[1]?.reason, "invalid");
    for (const host of ["a", "a:1", "[::1]:80", "a_b.c", "x@y", "%41"]) {
      assert.equal((await send("/livez", { headers: { host } })).status, 200, host);
    }
  }
});

Deno.test("createRoutes() without a password answers 403 to a foreign Host, except on /, /livez, /readyz", async () => {
  const { send, post, log, rejected } = setUp({ hostNames: ["jobs.example.com"] });
  const asked = (path: string, host: string, method = "GET") =>
    send(path, { method, headers: { host, accept: "application/json" } }, `http://${host}`);
  for (const path of ["/", "/livez", "/readyz"]) {
    assert.equal((await asked(path, "evil.example")).status, 200, path);
    assert.equal((await asked(path, "evil.example", "POST")).status, 405, path);
  }
  for (const path of ["/status", "/metrics", "/version", "/payload", "/nowhere", "//payload"]) {
    for (const method of ["GET", "HEAD", "PUT"]) {
      const { status, text } = await asked(path, "evil.example", method);
      assert.equal(status, 403, `${method} ${path}`);
      if (text) assert.equal(JSON.parse(text).code, "unknown_host");
    }
    assert.notEqual((await asked(path, "jobs.example.com:8080")).status, 403);
  }
  assert.deepEqual(rejected, [], "none of these was to run a job");
  const refused = await post(job, { host: "evil.example", origin: "http://other.example" });
  assert.equal(refused.status, 403);
  assert.equal(refused.headers.get("connection"), "close", "its body was not read");
  assert.match(refused.text, /JOBRUNNER_ALLOWED_HOSTS/);
  assert.deepEqual(rejected, ["unknown_host"]);
  assert.equal(log.at(-1)?.[1]?.["server.address"], "evil.example");
  await post(job, { host: `${"a.".repeat(500)}example` });
  assert.equal(String(log.at(-1)?.[1]?.["server.address"]).length, 253);
  const withPassword = setUp({ password: "p" });
  assert.equal(
    (await withPassword.send("/status", { headers: { host: "evil.example" } })).status,
    200,
  );
});

Deno.test("createRoutes() marks work on a client's bytes with its request: beginning, body, answer", async () => {
  const { post, send, worked } = setUp({ password: "x" });
  const marked = () => worked.splice(0).map(([id, result]) => `${id} ${kindOf(result)}`);
  const kindOf = (result: unknown) =>
    result instanceof Promise ? "beginning" : Object.keys(result as object)[0];
  await post(job, { "x-request-id": "r1", "x-jr-password": "x" });
  assert.deepEqual(marked(), ["r1 beginning", "r1 ok", "r1 body"]);
  await post("{", { "x-request-id": "r2", "x-jr-password": "x" });
  assert.deepEqual(marked(), ["r2 beginning", "r2 ok", "r2 status"]);
  await send("/nowhere", { headers: { "x-request-id": "r3" } });
  assert.equal(marked()[0], "r3 status");
});
