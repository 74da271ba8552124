/**
 * Machines of a group that are stopped, as real programs over real servers. It needs root, and what `tools/nats_servers.sh`
 * provides.
 */

import assert from "node:assert/strict";
import { startFaultGroup } from "../support/fault_group.ts";
import { secondSignal } from "../support/program.ts";

const front = { workers: 0, places: 10 };
const executor = { workers: 2, places: 0 };

Deno.test("an idle machine that is stopped leaves at once: the bound shrinks, and no job is delayed", async () => {
  await using group = await startFaultGroup({ machines: [front, executor, executor] });
  const [a, b] = group.machines;
  assert.ok(a && b);
  assert.equal(await b.stop(), 0);
  await group.succeed(group.postAll([a], 4, ":"));
  await group.queue.hasRoomFor(12);
  await group.queue.holds(0);
  assert.ok(group.begun().every(({ machine }) => machine === "c"));
});

Deno.test("a busy machine that is stopped finishes the jobs of others, takes no more, and exits with 0", async () => {
  await using group = await startFaultGroup({ machines: [front, executor, executor] });
  const [a, b] = group.machines;
  assert.ok(a && b);
  const jobs = group.postAll([a], 8);
  await group.hasBegun(4);
  const stopped = b.stop();
  await b.line("drain");
  await group.queue.hasRoomFor(14);
  group.release();
  assert.equal(await stopped, 0);
  await group.succeed(jobs);
  assert.equal(group.begun().length, 8);
  assert.equal(group.begun().filter(({ machine }) => machine === "b").length, 2);
  await group.queue.holds(0);
});

Deno.test("a machine that is stopped answers its own clients whose jobs wait and run on others", async () => {
  await using group = await startFaultGroup({ machines: [front, executor] });
  const [a] = group.machines;
  assert.ok(a);
  const jobs = group.postAll([a], 5);
  await group.hasBegun(2);
  await group.queue.holds(5);
  const stopped = a.stop();
  await a.line("drain");
  group.release();
  await group.succeed(jobs);
  assert.equal(await stopped, 0);
  assert.equal(group.begun().length, 5);
  await group.queue.holds(0);
});

Deno.test("the last machine that is stopped runs its waiting jobs itself", async () => {
  await using group = await startFaultGroup({ machines: [{ workers: 2, places: 6 }] });
  const [a] = group.machines;
  assert.ok(a);
  const jobs = group.postAll([a], 8);
  await group.hasBegun(2);
  await group.queue.holds(8);
  const stopped = a.stop();
  await a.line("drain");
  group.release();
  await group.succeed(jobs);
  assert.equal(await stopped, 0);
  assert.equal(group.begun().length, 8);
  await group.queue.holds(0);
});

Deno.test("jobs of others on a machine that is forced to stop run on another machine", async () => {
  await using group = await startFaultGroup({ machines: [front, executor, executor] });
  const [a, b] = group.machines;
  assert.ok(a && b);
  const jobs = group.postAll([a], 4);
  await group.hasBegun(4);
  const stopped = b.stop();
  await b.line("drain");
  await secondSignal(b);
  await stopped;
  group.release();
  await group.succeed(jobs);
  assert.equal(group.begun().length, 6);
  await group.queue.holds(0);
});

Deno.test("a machine that is forced to stop answers its clients, and its jobs are ended everywhere", async () => {
  await using group = await startFaultGroup({ machines: [front, executor] });
  const [a, b] = group.machines;
  assert.ok(a && b);
  const jobs = group.postAll([a], 5);
  await group.hasBegun(2);
  await group.queue.holds(5);
  const stopped = a.stop();
  await a.line("drain");
  await secondSignal(a);
  const answers = await Promise.all(jobs.map(({ answer }) => answer));
  await stopped;
  for (const answer of answers) {
    assert.ok(answer?.status === 503 || answer?.json["ending"] === "shutdown", answer?.text);
  }
  await group.queue.holds(0);
  await group.succeed([group.post(b, "other", ":")]);
  assert.equal(group.begun().length, 3);
});
