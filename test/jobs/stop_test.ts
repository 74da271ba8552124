import assert from "node:assert/strict";
import { createStop } from "../../src/jobs/stop.ts";

Deno.test("request() of a stop lets the first cause win", () => {
  const stop = createStop();
  const causes: unknown[] = [];
  stop.onRequest(() => causes.push(stop.cause));
  assert.equal(stop.cause, undefined);
  stop.request("timed_out");
  stop.request("canceled");
  assert.equal(stop.cause, "timed_out");
  assert.deepEqual(causes, ["timed_out"]);
});

Deno.test("onRequest() of a stop calls back for a cause that was there before", () => {
  const stop = createStop();
  stop.request("canceled");
  let calls = 0;
  stop.onRequest(() => calls++);
  assert.equal(calls, 1);
});

Deno.test("close() of a stop makes every later cause ineffective", () => {
  const stop = createStop();
  stop.onRequest(() => assert.fail());
  stop.close();
  stop.request("shutdown");
  assert.equal(stop.cause, undefined);
});
