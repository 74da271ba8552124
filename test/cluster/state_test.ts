import assert from "node:assert/strict";
import { createMachines } from "../support/cluster.ts";

Deno.test("state() has the machines that live, with the sums of their pools and the commands that differ there", async () => {
  using machines = createMachines();
  const { clock } = machines;
  const one = await machines.join({ workers: 2, places: 3 });
  const two = await machines.join({ workers: 1, places: 4 }, {}, { digest: "other" });
  two.open("second", { workers: 5, places: 0 });
  await clock.pass(3000);
  const { group, node, connected, nodes } = one.cluster.state();
  const [own, other] = nodes;
  assert.deepEqual([group, connected, node], ["test", true, own?.id]);
  const { id: _, sinceSec, ...about } = own ?? assert.fail();
  assert.deepEqual(about, {
    name: "machine-1",
    version: "0.0.0",
    state: "up",
    workers: 2,
    busy: 0,
    places: 3,
    differs: [],
  });
  assert.ok(sinceSec >= 3);
  assert.deepEqual([other?.workers, other?.places, other?.differs], [6, 4, ["default"]]);
});

Deno.test("state() has a pool once whose queue has a successor, with the limit and the jobs of all machines", async () => {
  using machines = createMachines();
  const { clock } = machines;
  const one = await machines.join({ workers: 0, places: 3 });
  await machines.join({ workers: 0, places: 4 });
  await clock.pass(3000);
  const place = await one.line.reserve({ command: "default" });
  assert.ok(place.reserved);
  one.line.close();
  one.open("default", { workers: 0, places: 3 });
  await clock.pass(3000);
  assert.deepEqual(one.cluster.state().pools, [
    { name: "default", limit: 7, unfinished: 0, undelivered: 0 },
  ]);
  place.leave();
});
