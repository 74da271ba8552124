import assert from "node:assert/strict";
import { openExchange } from "../../src/http/exchange.ts";
import { observer } from "../../src/http/observe.ts";
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

/** An observer and what it has reported. */
function observing() {
  const reported: string[] = [];
  const observe = observer({
    log: {
      write: (_, fields) => void reported.push(`logged ${fields?.["http.response.status_code"]}`),
      flush: () => Promise.resolve(),
    },
    metrics: {
      rejected: () => assert.fail(),
      requestArrived: (method) => void reported.push(`${method} arrived`),
      requestAnswered(method, _route, status, seconds) {
        assert.ok(seconds >= 0 && seconds < 60);
        reported.push(`${method} answered ${status}`);
      },
    },
    accessLog: true,
  });
  return { observe, reported };
}

Deno.test("observer() reports a request once, when its answer was sent, could not be, or is given up", async () => {
  const answer = () => new Response(null, { status: 202 });
  for (const end of ["sent", "broken", "given up"]) {
    const { observe, reported } = observing();
    const completed = Promise.withResolvers<void>();
    const info = { completed: completed.promise };
    const exchange = openExchange(new Request("http://localhost"), info);
    exchange.onHandedOver = () => void reported.push("handed over");
    await observe(exchange, answer);
    assert.deepEqual(reported, ["GET arrived"], end);
    if (end === "given up") exchange.giveUp?.();
    if (end === "broken") completed.reject(new Error("the client has gone"));
    else completed.resolve();
    await completed.promise.catch(() => {});
    assert.deepEqual(reported.slice(1), ["GET answered 202", "handed over", "logged 202"], end);
  }
});

Deno.test("observer() reports a request whose handler fails as answered with 500", async () => {
  for (const fail of [() => Promise.reject(new Error("oh")), () => assert.fail("oh")]) {
    const { observe, reported } = observing();
    const exchange = openExchange(new Request("http://localhost"), {});
    await assert.rejects(observe(exchange, fail), /oh/);
    assert.deepEqual(reported, ["GET arrived", "GET answered 500", "logged 500"]);
  }
});
