import assert from "node:assert/strict";
import { createMachines, type Machine } from "../support/cluster.ts";

const about = ["joined", "departed", "differs"];

/** What a machine has reported of the others, with their names. */
function told({ reported }: Machine): readonly string[] {
  return reported.filter(([event]) => about.includes(String(event))).map(([event, node, what]) =>
    `${(node as { readonly name: string }).name} ${event} ${what}`
  );
}

Deno.test("a machine reports once which others take part, and how they depart", async () => {
  using machines = createMachines();
  const { clock } = machines;
  const one = await machines.join({});
  const two = await machines.join({});
  const three = await machines.join({});
  await clock.pass(1500);
  assert.deepEqual(told(one), ["machine-2 joined 0.0.0", "machine-3 joined 0.0.0"]);
  two.line.cut();
  void two.cluster.close();
  await clock.pass(2000);
  assert.deepEqual(told(one).slice(2), ["machine-2 departed left"]);
  three.kill();
  await clock.pass(20_000);
  assert.deepEqual(told(one).slice(3), ["machine-3 departed dead"]);
});

Deno.test("a machine that was dead takes part again when it is heard", async () => {
  using machines = createMachines();
  const one = await machines.join({});
  const two = await machines.join({});
  await machines.clock.pass(1500);
  two.freeze();
  await machines.clock.pass(120_000);
  two.thaw();
  await machines.clock.pass(3000);
  assert.deepEqual(told(one), [
    "machine-2 joined 0.0.0",
    "machine-2 departed dead",
    "machine-2 joined 0.0.0",
  ]);
});

for (const awayMs of [2000, 5000, 200_000]) {
  Deno.test(`a server that is away for ${awayMs} ms takes no machine from the group`, async () => {
    using machines = createMachines();
    const one = await machines.join({});
    const two = await machines.join({});
    const three = await machines.join({});
    await machines.clock.pass(1500);
    machines.server.stop();
    await machines.clock.pass(awayMs / 2);
    three.kill();
    await machines.clock.pass(awayMs / 2);
    machines.server.start();
    await machines.clock.pass(10_000);
    assert.deepEqual(told(one).slice(2), ["machine-3 departed dead"]);
    assert.deepEqual(told(two).slice(2), ["machine-3 departed dead"]);
  });
}

Deno.test("both machines report at once, and then every hour, that a command differs", async () => {
  using machines = createMachines();
  const { clock } = machines;
  const one = await machines.join({});
  const two = await machines.join({}, {}, { digest: "other" });
  await clock.pass(1500);
  assert.deepEqual(told(one).slice(1), ["machine-2 differs default"]);
  assert.deepEqual(told(two).slice(1), ["machine-1 differs default"]);
  await clock.pass(3_590_000);
  assert.equal(told(one).length, 2);
  await clock.pass(20_000);
  assert.deepEqual(told(one).slice(2), ["machine-2 differs default"]);
});

Deno.test("another command that differs is reported at once, and one that only one machine has is not", async () => {
  using machines = createMachines();
  const one = await machines.join({});
  const two = await machines.join({}, {}, { commands: ["default", "more"], digest: "other" });
  await machines.clock.pass(1500);
  assert.deepEqual(told(one).slice(1), ["machine-2 differs default"]);
  one.open("office", {}, { commands: ["pdf"] });
  two.open("office", {}, { commands: ["pdf"], digest: "other" });
  await machines.clock.pass(1500);
  assert.deepEqual(told(one).slice(2), ["machine-2 differs default,pdf"]);
});
