import assert from "node:assert/strict";
import { createTimeouts } from "../../src/app/timeouts.ts";

Deno.test("createTimeouts() gives one timer for each length, whoever asks", () => {
  using timeouts = createTimeouts();
  const short = timeouts.of(1000);
  assert.equal(short.ms, 1000);
  assert.equal(timeouts.of(1000), short);
  assert.notEqual(timeouts.of(2000), short);
  assert.equal(timeouts.of(Infinity).ms, Infinity);
});

Deno.test("createTimeouts() ends all timeouts when it is disposed of", async () => {
  const over: string[] = [];
  {
    using timeouts = createTimeouts();
    timeouts.of(1).start(() => over.push("short"));
    timeouts.of(1000).start(() => over.push("long"));
    timeouts.of(Infinity).start(() => over.push("none"));
  }
  // The test runner reports a timer that is left; the shorter one would be over by now.
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(over, []);
});
