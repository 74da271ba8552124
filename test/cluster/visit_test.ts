import assert from "node:assert/strict";
import { visit } from "../../src/cluster/visit.ts";
import { createMachines, type Machines } from "../support/cluster.ts";

/** What a visitor sees who has these commands. */
async function look(
  machines: Machines,
  pools: Readonly<Record<string, Readonly<Record<string, string>>>>,
  { afterMs = 0, storage = "file" }: {
    readonly afterMs?: number;
    readonly storage?: "file" | "memory";
  } = {},
) {
  const link = machines.server.connect();
  const { clock } = machines;
  const looking = visit(link, {
    group: "test",
    pools,
    streams: { storage, replicas: 1 },
    clock,
  });
  await clock.pass(afterMs);
  await clock.pass(2000);
  return await looking;
}

Deno.test("visit() finds the machines, the queues that exist and the commands that differ", async () => {
  using machines = createMachines();
  const one = await machines.join({ workers: 2, places: 3 }, { nodeName: "zeta" });
  one.open("office", { workers: 5 }, { commands: ["pdf", "thumbs"] });
  await machines.join({ workers: 1, places: 1 }, { nodeName: "alpha" }, { digest: "other" });
  await machines.clock.pass(4000);
  await one.line.reserve({ command: "default" });
  const sight = await look(machines, {
    default: { default: "digest" },
    office: { pdf: "changed", thumbs: "digest", more: "digest" },
    unknown: { more: "digest" },
  });
  const about = { version: "0.0.0", state: "up" };
  assert.deepEqual(sight, {
    nodes: [
      { ...about, name: "alpha", workers: 1, places: 1, differs: ["default"] },
      { ...about, name: "zeta", workers: 7, places: 3, differs: ["pdf"] },
    ],
    queues: [
      { pool: "default", jobs: 0, limit: 7 },
      { pool: "office", jobs: 0, limit: 5 },
    ],
    faults: [],
  });
});

Deno.test("visit() makes no stream, and no machine notices it", async () => {
  using machines = createMachines();
  const one = await machines.join({});
  await machines.clock.pass(4000);
  const before = one.reported.length;
  const sight = await look(machines, { office: { pdf: "digest" } });
  assert.deepEqual(sight.queues, []);
  await assert.rejects(machines.size("office"), /does not exist/);
  await machines.clock.pass(3000);
  assert.equal(one.reported.length, before);
  assert.equal(one.cluster.state().nodes.length, 1);
});

Deno.test("visit() does not show a machine that leaves meanwhile", async () => {
  using machines = createMachines();
  const one = await machines.join({});
  await machines.clock.pass(4000);
  const looking = look(machines, {}, { afterMs: 1100 });
  await machines.clock.pass(1100);
  one.line.cut();
  void one.cluster.close();
  assert.deepEqual((await looking).nodes, []);
});

Deno.test("visit() says once why queues cannot be used", async () => {
  using machines = createMachines();
  machines.server.stop();
  const { faults, queues } = await look(machines, { one: {}, other: {} });
  assert.deepEqual([faults.length, queues], [1, []]);
});

Deno.test("visit() says that a queue exists which cannot be used with these settings", async () => {
  using machines = createMachines();
  await machines.join({});
  await machines.clock.pass(4000);
  const { faults, queues } = await look(machines, { default: {} }, { storage: "memory" });
  assert.deepEqual(queues, []);
  assert.deepEqual(faults, ["the storage of stream JR1_test_default cannot be changed"]);
});
