/**
 * The NATS server ends, freezes and comes back while machines share their queue, as real programs over real servers. It needs
 * root, and what `tools/nats_servers.sh` provides.
 */

import assert from "node:assert/strict";
import { type FaultGroup, type FaultMachine, startFaultGroup } from "../support/fault_group.ts";
import { natsPrograms } from "../support/nats_server.ts";
import { eventually } from "../support/processes.ts";
import { get, post } from "../support/client.ts";

const machines = [{ workers: 3, places: 4 }, { workers: 3, places: 4 }];

/** Starts six runs and has eight more jobs wait: as many as there is room for. */
async function fill(group: FaultGroup) {
  const jobs = group.postAll(group.machines, 14);
  await group.hasBegun(6);
  await group.queue.holds(14);
  return jobs;
}

/** Waits until each machine refuses jobs because it cannot reach the server. */
async function isAway({ machines }: FaultGroup): Promise<void> {
  await Promise.all(
    machines.map((machine) => eventually("the server is missed", () => refuses(machine))),
  );
}

async function refuses({ url }: FaultMachine): Promise<boolean> {
  const { status, text, headers } = await post(url, ":");
  assert.equal(status, 503);
  // Before the loss is noticed the queue is still full.
  if (!text.includes("cannot be reached")) return false;
  assert.ok(Number(headers.get("retry-after")) >= 1);
  const ready = await get(`${url}/readyz`);
  assert.deepEqual([ready.status, ready.text.includes("degraded")], [200, true]);
  return true;
}

const scenes = [
  ["usual", "file"],
  ["newest", "file"],
  ["usual", "memory"],
] as const;

for (const [which, storage] of scenes) {
  Deno.test(`a server that is killed and started again loses no job, and none begins twice (${which} server, ${storage})`, async () => {
    await using group = await startFaultGroup({
      machines,
      server: { program: natsPrograms[which] },
      env: { JOBRUNNER_NATS_STORAGE: storage },
    });
    const jobs = await fill(group);
    await group.server.kill();
    await isAway(group);
    await group.server.start();
    await group.queue.hasRoomFor(14);
    group.release();
    await group.succeed(jobs);
    assert.equal(group.begun().length, 14);
    await group.queue.holds(0);
    await group.succeed(group.postAll(group.machines, 14, ":"));
    await group.queue.holds(0);
  });
}

Deno.test("runs that end while the server is away are answered when it is back, and none begins twice", async () => {
  await using group = await startFaultGroup({ machines });
  const jobs = await fill(group);
  await group.server.stop();
  await isAway(group);
  group.release();
  await group.server.start();
  await group.succeed(jobs);
  assert.equal(group.begun().length, 14);
  await group.queue.holds(0);
});

for (const onLost of ["rerun", "fail"]) {
  Deno.test(`a server that is frozen until it is missed loses no job, and none begins twice (on_lost=${onLost})`, async () => {
    // The machines notice that at different times, within which none of them may count as lost.
    const env = { JOBRUNNER_NATS_NODE_TIMEOUT_SEC: "3", JOBRUNNER_NATS_ON_LOST: onLost };
    await using group = await startFaultGroup({ machines, env });
    const jobs = await fill(group);
    group.server.freeze();
    await isAway(group);
    group.server.thaw();
    group.release();
    await group.succeed(jobs);
    assert.equal(group.begun().length, 14);
    await group.queue.holds(0);
  });
}

Deno.test("a machine starts without a server, refuses jobs, and takes them when the server is there", async () => {
  await using group = await startFaultGroup({ machines: [] });
  await group.server.stop();
  const machine = await group.add({ name: "a", workers: 2, places: 3 });
  assert.equal(await refuses(machine), true);
  await group.server.start();
  await group.queue.hasRoomFor(5);
  await group.succeed([group.post(machine, "first", ":")]);
  assert.equal((await get(`${machine.url}/readyz`)).text.includes("degraded"), false);
});
