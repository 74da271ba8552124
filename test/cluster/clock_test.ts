import assert from "node:assert/strict";
import { endable, pause, within } from "../../src/cluster/clock.ts";
import { createVirtualClock } from "../support/virtual_clock.ts";

Deno.test("end() ends all timers of an endable clock, and those that are still to come", async () => {
  const clock = createVirtualClock();
  const own = endable(clock);
  const acts: string[] = [];
  own.after(10, () => acts.push("first"));
  own.after(10, () => acts.push("stopped"))();
  own.after(20, () => acts.push("ended"));
  await clock.pass(10);
  own.end();
  own.after(10, () => acts.push("late"));
  await clock.pass(100);
  assert.deepEqual(acts, ["first"]);
  assert.equal(clock.timers, 0);
});

Deno.test("pause() resolves after its time", async () => {
  const clock = createVirtualClock();
  let over = false;
  void pause(clock, 10).then(() => over = true);
  await clock.pass(9);
  assert.equal(over, false);
  await clock.pass(1);
  assert.equal(over, true);
});

Deno.test("within() resolves when the promise settles or the time is over, and leaves no timer", async () => {
  const clock = createVirtualClock();
  await within(clock, 10, Promise.resolve());
  await within(clock, 10, Promise.reject(new Error("it does not matter")));
  assert.equal(clock.timers, 0);
  const waiting = within(clock, 10, new Promise(() => {}));
  await clock.pass(10);
  await waiting;
  assert.equal(clock.timers, 0);
});
