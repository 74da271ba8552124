import assert from "node:assert/strict";
import { type Setup, setUp, somePool } from "../../support/routes.ts";

Deno.test("GET /status with a password set names jobs only to a client that sends it", async () => {
  const job = { id: "i", requestId: "r", command: "default", pid: 17 };
  const pools = [{ ...somePool, workers: [{ id: 1, sinceSec: 1, job }] }];
  const statesFor = async (setup: Setup, headers: Record<string, string>) =>
    JSON.parse((await setUp({ ...setup, status: { pools } }).send("/status", { headers })).text)
      .worker_states;
  const all = [{ worker_id: 1, state: "running", since_sec: 1, id: "i", request_id: "r", pid: 17 }];
  const few = [{ worker_id: 1, state: "running", since_sec: 1 }];
  assert.deepEqual(await statesFor({}, {}), all);
  assert.deepEqual(await statesFor({ password: "p" }, { "x-jr-password": "p" }), all);
  for (const headers of [{}, { "x-jr-password": "" }, { "x-jr-password": "wrong" }]) {
    assert.deepEqual(await statesFor({ password: "p" }, headers as Record<string, string>), few);
  }
});

Deno.test("GET /status begins with the keys of the Go jobrunner", async () => {
  assert.match((await setUp().send("/status")).text, /^{"queued_jobs":2,"total_jobs":5,/);
});

Deno.test("GET /status has the state draining while the server drains", async () => {
  const { text } = await setUp({ ready: false }).send("/status");
  assert.equal(JSON.parse(text).state, "draining");
});
