import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { createPace } from "../../src/supervisor/pace.ts";

Deno.test("createPace() lets end_tree begin at once, measure and find_gone after other work", async () => {
  const mayBegin = createPace();
  const order: string[] = [];
  const measured = mayBegin("measure").then(() => order.push("measure"));
  const looked = mayBegin("find_gone").then(() => order.push("find_gone"));
  await mayBegin("end_tree").then(() => order.push("end_tree"));
  await Promise.resolve().then(() => order.push("else"));
  await Promise.all([measured, looked]);
  assert.deepEqual(order, ["end_tree", "else", "measure", "find_gone"]);
});

Deno.test("createPace() lets the first repair begin at once, the next ones only after a pause", async () => {
  const mayBegin = createPace();
  const startedAt = performance.now();
  await mayBegin("repair");
  await setImmediate();
  await mayBegin("repair");
  await mayBegin("repair");
  assert.ok(performance.now() - startedAt >= 95);
});
