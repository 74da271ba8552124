import assert from "node:assert/strict";
import { createRunTimes } from "../../src/jobs/run_times.ts";

Deno.test("expectedWaitSec() is mean run time × place ÷ workers, in whole seconds, at least 1", () => {
  const times = createRunTimes();
  assert.equal(times.expectedWaitSec(31, 2), 1, "nothing is known yet");
  times.add(4000);
  times.add(6000);
  assert.equal(times.expectedWaitSec(1, 2), 3, "5 s × 1 ÷ 2 is 2.5 s");
  assert.equal(times.expectedWaitSec(31, 2), 78, "5 s × 31 ÷ 2 is 77.5 s");
  assert.equal(times.expectedWaitSec(1, 1000), 1);
});

Deno.test("expectedWaitSec() is 1 without workers", () => {
  const times = createRunTimes();
  assert.equal(times.expectedWaitSec(1, 0), 1);
  times.add(4000);
  assert.equal(times.expectedWaitSec(31, 0), 1);
});

Deno.test("expectedWaitSec() changes little after one long run of many", () => {
  const times = createRunTimes();
  for (let run = 0; run < 1000; run++) times.add(1000);
  times.add(33_000);
  assert.equal(times.expectedWaitSec(1, 1), 2, "one of 32 took 32 s more");
});

Deno.test("expectedWaitSec() follows the latest runs", () => {
  const times = createRunTimes();
  for (let run = 0; run < 1000; run++) times.add(1000);
  for (let run = 0; run < 300; run++) times.add(9000);
  assert.equal(times.expectedWaitSec(1, 1), 9);
});
