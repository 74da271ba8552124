import assert from "node:assert/strict";
import { routesOf } from "../../../src/wire/resources.ts";
import { setUp } from "../../support/routes.ts";

Deno.test("GET / names the endpoints in one line", async () => {
  const { headers, text } = await setUp().send("/");
  assert.equal(headers.get("content-type"), "text/plain; charset=utf-8");
  assert.match(text, /^[^\n]+\n$/);
  for (const path of routesOf(false).slice(1)) assert.ok(text.includes(path), path);
  assert.equal(
    text,
    "jobrunner: jobs go to POST /payload or POST /run; GET /status, /metrics, /version, /livez and /readyz\n",
  );
});

Deno.test("GET / names the paths of commands only if commands have names", async () => {
  const { text } = await setUp({ commands: { pdf: {} } }).send("/");
  for (const path of routesOf(true).slice(1)) assert.ok(text.includes(path), path);
  assert.equal(
    text,
    "jobrunner: jobs go to POST /payload or POST /payload/{command} or POST /run or POST /run/{command}; " +
      "GET /commands, /status, /metrics, /version, /livez and /readyz\n",
  );
});

Deno.test("GET / answers 503 with Retry-After while the server drains", async () => {
  const { status, headers } = await setUp({ ready: false }).send("/");
  assert.equal(status, 503);
  assert.equal(headers.get("retry-after"), "7");
});
