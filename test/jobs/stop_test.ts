import assert from "node:assert/strict";
import { createStop } from "../../src/jobs/stop.ts";

Deno.test("request(): the first cause wins", () => {
  const stop = createStop();
  const causes: unknown[] = [];
  stop.onRequest(() => causes.push(stop.cause));
  assert.equal(stop.cause, undefined);
  stop.request("timed_out");
  stop.request("canceled");
  assert.equal(stop.cause, "timed_out");
  assert.deepEqual(causes, ["timed_out"]);
});

Deno.test("onRequest() hears of a cause that was there before", () => {
  const stop = createStop();
  stop.request("canceled");
  let heard = 0;
  stop.onRequest(() => heard++);
  assert.equal(heard, 1);
});

Deno.test("close(): no cause counts any more", () => {
  const stop = createStop();
  stop.onRequest(() => assert.fail());
  stop.close();
  stop.request("shutdown");
  assert.equal(stop.cause, undefined);
});
