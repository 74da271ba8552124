import assert from "node:assert/strict";
import { mostOf } from "../../src/isolate/readers.ts";
import { configOf, configOfFile } from "../support/machine.ts";

const cmd = 'cmd = "/bin/date"';

Deno.test("mostOf() counts the workers and places of all pools, and has the longest grace period of all commands", () => {
  const config = configOfFile(`
    [commands.a]
    ${cmd}
    pool = "shared"
    kill_grace_sec = 1
    [commands.b]
    ${cmd}
    pool = "shared"
    kill_grace_sec = 9
    [commands.c]
    ${cmd}
    num_workers = 4
    queue_limit = 5
    kill_grace_sec = 2
    [pools.shared]
    num_workers = 2
    queue_limit = 30
  `);
  assert.deepEqual(mostOf(config), { workers: 6, places: 35, graceMs: 9000 });
});

Deno.test("mostOf() allows for the places of other machines that share a queue", () => {
  const front = configOf({
    JOBRUNNER_CMD: "/bin/date",
    JOBRUNNER_NATS_URL: "nats://h",
    JOBRUNNER_NUM_WORKERS: "0",
    JOBRUNNER_QUEUE_LIMIT: "7",
  });
  assert.deepEqual(mostOf(front), { workers: 0, places: 1_000_007, graceMs: 5000 });
});

Deno.test("mostOf() adds the configurations that a service has had, and keeps the longest grace period", () => {
  const first = configOf({
    JOBRUNNER_CMD: "/bin/date",
    JOBRUNNER_NUM_WORKERS: "3",
    JOBRUNNER_QUEUE_LIMIT: "7",
    JOBRUNNER_KILL_GRACE_SEC: "4",
  });
  const before = mostOf(first);
  assert.deepEqual(before, { workers: 3, places: 7, graceMs: 4000 });
  const next = configOf({
    JOBRUNNER_CMD: "/bin/date",
    JOBRUNNER_NUM_WORKERS: "1",
    JOBRUNNER_QUEUE_LIMIT: "0",
    JOBRUNNER_KILL_GRACE_SEC: "0",
  });
  assert.deepEqual(mostOf(next, before), { workers: 4, places: 7, graceMs: 4000 });
  const longer = { ...next, commands: next.commands.map((it) => ({ ...it, killGraceMs: 5000 })) };
  assert.equal(mostOf(longer, before).graceMs, 5000);
});
