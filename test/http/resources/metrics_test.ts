import assert from "node:assert/strict";
import { setUp } from "../../support/routes.ts";

Deno.test("GET /metrics answers with the front door's metrics as Prometheus text", async () => {
  const { headers, text } = await setUp().send("/metrics");
  assert.equal(text, "a_metric 1\n");
  assert.match(headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
});
