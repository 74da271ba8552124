import assert from "node:assert/strict";
import type { ClusterReport, NodeName, RemoteRun } from "../../src/cluster/report.ts";
import type { ClusterConfig } from "../../src/config/config.ts";
import type { JobSpec } from "../../src/jobs/job.ts";
import type { LineSize } from "../../src/jobs/line.ts";
import { createMachines, type Machine, type Machines } from "../support/cluster.ts";
import { type GroupWork, groupWork, type Posted } from "../support/group_work.ts";
import type { Cut } from "../support/memory_link.ts";
import { nothingInUse } from "../support/pool_host.ts";

/** Long enough for machines to know each other, and for the limit to be right. */
const settleMs = 4000;

interface Scene {
  readonly machines: Machines;
  readonly work: GroupWork;
  /** The machine with the clients; it has no workers. */
  readonly front: Machine;
  /** Two machines with workers. */
  readonly one: Machine;
  readonly other: Machine;
}

/** A front without workers, and two executors with two workers each. */
async function scene(
  config: Partial<ClusterConfig>,
  act: (scene: Scene) => Promise<void>,
  size: Partial<LineSize> = {},
): Promise<void> {
  using machines = createMachines();
  const work = groupWork(machines);
  const front = await machines.join({ workers: 0, places: 10, ...size }, config);
  const one = await machines.join({ workers: 2 }, config);
  const other = await machines.join({ workers: 2 }, config);
  await machines.clock.pass(settleMs);
  await act({ machines, work, front, one, other });
}

const fail = { onLost: "fail" } as const;

/** Every client has one answer, no message is left, and nothing is held by machines that live. */
async function expectSettled(
  { machines, front, one, other }: Scene,
  posted: readonly Posted[],
): Promise<void> {
  for (const { id, answers } of posted) assert.equal(answers, 1, `answers of ${id}`);
  assert.equal((await machines.size()).messages, 0);
  for (const machine of [front, one, other].filter(({ isDead }) => !isDead)) {
    assert.deepEqual(machine.host.inUse, nothingInUse);
    assert.ok(machine.cluster.state().pools.every(({ undelivered }) => undelivered === 0));
  }
}

/** The values of what a machine has reported under this name. */
function reportsOf({ reported }: Machine, event: keyof ClusterReport): (readonly unknown[])[] {
  return reported.filter(([name]) => name === event).map(([, ...values]) => values);
}

/** What became of a job. */
function fateOf({ answer }: Posted): string | undefined {
  switch (answer?.kind) {
    case "failed":
      return answer.failure.kind;
    case "left":
      return answer.cause;
    case "ran":
      return answer.result.ending.kind;
    default:
      return undefined;
  }
}

function nodeOf({ answer }: Posted): string | undefined {
  return answer?.kind === "ran" ? answer.result.node : undefined;
}

// The executor.

/** Ids of the jobs that a front has reported as run on another machine. */
function elsewhere({ reported }: Machine): unknown[] {
  return reported.filter(([name]) => name === "ranElsewhere").map(([, run]) =>
    (run as RemoteRun).spec.id
  );
}

Deno.test("a job whose machine was killed is run by another one, and answered once", () =>
  scene({}, async (scene) => {
    const { machines: { clock }, work, front, one, other } = scene;
    void work.work(one, 2);
    const posted = [
      await work.post(front, "a", { ms: 2000 }),
      await work.post(front, "b", { ms: 2000 }),
    ];
    await clock.pass(500);
    assert.equal(work.begun.length, 2);
    one.kill();
    void work.work(other, 2);
    await clock.pass(8000);
    assert.deepEqual(posted.map(nodeOf), [other.name, other.name]);
    assert.deepEqual(work.ids(), ["a", "b", "a", "b"]);
    assert.deepEqual(
      reportsOf(front, "rerun").map(([pool, job, before, now]) => [
        pool,
        (job as JobSpec).id,
        (before as NodeName).name,
        (now as NodeName).name,
      ]),
      ["a", "b"].map((id) => ["default", id, one.name, other.name]),
    );
    assert.equal(front.cluster.state().lost, 1);
    assert.deepEqual(elsewhere(front), ["a", "b"]);
    await expectSettled(scene, posted);
  }));

Deno.test("with fail, a job whose machine was killed is answered node_lost and never begun again", () =>
  scene(fail, async (scene) => {
    const { machines: { clock }, work, front, one, other } = scene;
    void work.work(one, 2);
    const posted = [await work.post(front, "a", { ms: 2000 })];
    await clock.pass(500);
    one.kill();
    void work.work(other, 2);
    await clock.pass(4500);
    assert.deepEqual(posted.map(fateOf), ["node_lost"]);
    const [pool, job, node] = reportsOf(front, "lost")[0] ?? [];
    assert.deepEqual([pool, (job as JobSpec).id, (node as NodeName).name], [
      "default",
      "a",
      one.name,
    ]);
    await clock.pass(20_000);
    assert.equal(work.begun.length, 1);
    await expectSettled(scene, posted);
  }));

/** Cuts a machine off; it notices a silence after three seconds. */
function cutOff({ machines: { clock, server } }: Scene, { link }: Machine, how: Cut): void {
  server.cut(link, how);
  if (how === "silent") clock.after(3000, () => server.cut(link, "unnoticed"));
}

for (const [how, freezes] of [["frozen", true], ["cut off", false]] as const) {
  Deno.test(`a job whose machine was ${how} is run by another one; the first result counts`, () =>
    scene({}, async (scene) => {
      const { machines: { clock, server }, work, front, one, other } = scene;
      void work.work(one, 2);
      const posted = [
        await work.post(front, "a", { ms: 2000 }),
        await work.post(front, "b", { ms: 15_000 }),
      ];
      await clock.pass(500);
      if (freezes) one.freeze();
      else cutOff(scene, one, "silent");
      void work.work(other, 2);
      await clock.pass(10_000);
      assert.equal(nodeOf(posted[0] as Posted), other.name);
      if (freezes) one.thaw();
      else server.mend(one.link);
      await clock.pass(30_000);
      assert.deepEqual(work.ids().slice(0, 4), ["a", "b", "a", "b"]);
      assert.deepEqual(elsewhere(front), ["a", "b"]);
      assert.equal(work.begun.length, 4);
      await expectSettled(scene, posted);
    }));

  Deno.test(`with fail, a job whose machine was ${how} is answered node_lost, and its run ends`, () =>
    scene(fail, async (scene) => {
      const { machines: { clock, server }, work, front, one, other } = scene;
      void work.work(one, 2);
      const posted = [await work.post(front, "a", { ms: 60_000 })];
      await clock.pass(500);
      if (freezes) one.freeze();
      else cutOff(scene, one, "silent");
      void work.work(other, 2);
      await clock.pass(10_000);
      assert.deepEqual(posted.map(fateOf), ["node_lost"]);
      if (freezes) one.thaw();
      else server.mend(one.link);
      await clock.pass(5000);
      assert.equal(work.begun.length, 1);
      assert.notEqual(work.begun[0]?.endMs, undefined);
      await expectSettled(scene, posted);
    }));
}

Deno.test("with fail, a machine that is back finishes the jobs that it begins at once", () =>
  scene(fail, async (scene) => {
    const { machines: { clock, server }, work, front, one } = scene;
    void work.work(one, 2);
    server.cut(one.link);
    await clock.pass(7000);
    const posted = [
      await work.post(front, "a", { ms: 3000 }),
      await work.post(front, "b", { ms: 3000 }),
    ];
    server.mend(one.link);
    await clock.pass(10_000);
    assert.deepEqual(posted.map(fateOf), ["exited", "exited"]);
    assert.equal(work.begun.length, 2);
    await expectSettled(scene, posted);
  }));

Deno.test("a machine that is cut off goes on with its runs, and its results are taken when it is back in time", () =>
  scene({}, async (scene) => {
    const { machines: { clock, server }, work, front, one } = scene;
    void work.work(one, 2);
    const posted = [await work.post(front, "a", { ms: 1500 })];
    await clock.pass(500);
    server.cut(one.link);
    await clock.pass(2000);
    server.mend(one.link);
    await clock.pass(1000);
    assert.deepEqual(posted.map(nodeOf), [one.name]);
    assert.equal(work.begun.length, 1);
    await expectSettled(scene, posted);
  }));

Deno.test("a job that kills each machine that runs it is answered node_lost after as many attempts as may be", () =>
  scene({ attempts: 2 }, async (scene) => {
    const { machines: { clock }, work, front, one, other } = scene;
    void work.work(one, 2);
    const posted = [await work.post(front, "poison", { ms: 60_000 })];
    await clock.pass(500);
    one.kill();
    void work.work(other, 2);
    await clock.pass(8000);
    assert.equal(work.begun.length, 2);
    other.kill();
    await clock.pass(4000);
    assert.deepEqual(posted.map(fateOf), ["node_lost"]);
    await expectSettled(scene, posted);
    const third = await scene.machines.join({ workers: 1 });
    void work.work(third, 1);
    await clock.pass(20_000);
    assert.equal(work.begun.length, 2);
  }));

Deno.test("an idle machine that is cut off keeps a job for as long as the server waits, and it is run elsewhere", () =>
  scene({}, async (scene) => {
    const { machines: { clock, server }, work, front, one, other } = scene;
    void work.work(one, 1);
    server.cut(one.link, "unnoticed");
    const posted = [await work.post(front, "a", { ms: 100 })];
    void work.work(other, 2);
    await clock.pass(7000);
    assert.deepEqual(posted.map(nodeOf), [other.name]);
    assert.equal(work.begun.length, 1);
    await expectSettled(scene, posted);
  }));

// The front.

Deno.test("waiting jobs of a front that was killed do not begin, and none of its messages stays", () =>
  scene({}, async (scene) => {
    const { machines: { clock }, machines, work, front, one, other } = scene;
    for (const id of ["a", "b", "c", "d"]) await work.post(front, id);
    await clock.pass(100);
    front.kill();
    await clock.pass(3100);
    void work.work(one, 2);
    void work.work(other, 2);
    await clock.pass(1000);
    assert.deepEqual(work.begun, []);
    assert.equal((await machines.size()).messages, 0);
  }));

Deno.test("as soon as one job shows that its front does not answer, no other job of it begins unasked", () =>
  scene({}, async ({ machines: { clock }, machines, work, front, one }) => {
    for (const id of ["a", "b", "c", "d"]) await work.post(front, id, { ms: 50 });
    await clock.pass(100);
    front.kill();
    await clock.pass(100);
    void work.work(one, 1);
    await clock.pass(2000);
    assert.deepEqual(work.ids(), ["a"]);
    await clock.pass(20_000);
    assert.deepEqual(work.ids(), ["a"]);
    assert.equal((await machines.size()).messages, 0);
  }));

Deno.test("a job that runs when its front is killed is ended if its client's setting is cancel, and finished if not", () =>
  scene({}, async (scene) => {
    const { machines: { clock }, machines, work, front, one } = scene;
    void work.work(one, 2);
    await work.post(front, "cancel", { ms: 30_000 });
    await work.post(front, "finish", {
      ms: 30_000,
      onDisconnect: "finish",
      input: { kind: "bytes", bytes: new Uint8Array(300_000) },
    });
    await clock.pass(500);
    const killedAt = clock.now();
    front.kill();
    await clock.pass(5000);
    const [run] = work.runsOf("cancel");
    assert.ok(run?.endMs !== undefined && run.endMs - killedAt < 4000);
    assert.equal(work.runsOf("finish")[0]?.endMs, undefined);
    await clock.pass(40_000);
    assert.notEqual(work.runsOf("finish")[0]?.endMs, undefined);
    assert.equal(work.begun.length, 2);
    assert.equal((await machines.size()).messages, 0);
    // The result was kept, in case that the front is only cut off.
    await clock.pass(60_000);
    await expectSettled(scene, []);
  }));

for (const how of ["noticed", "unnoticed", "silent"] as const) {
  Deno.test(`the clients of a front that is cut off (${how}) get their answers when it is back, and no job is left`, () =>
    scene({}, async (scene) => {
      const { machines: { clock, server }, work, front, one } = scene;
      void work.work(one, 2);
      const posted: Posted[] = [];
      for (const id of ["a", "b", "c", "d", "e"]) {
        posted.push(await work.post(front, id, { ms: 1500, onDisconnect: "finish" }));
      }
      await clock.pass(500);
      cutOff(scene, front, how);
      await clock.pass(8000);
      assert.ok(posted.every(({ answers }) => answers === 0));
      server.mend(front.link);
      await clock.pass(20_000);
      assert.deepEqual(posted.map(fateOf), posted.map(() => "exited"));
      for (const id of ["a", "b"]) assert.equal(work.runsOf(id).length, 1);
      await expectSettled(scene, posted);
    }));
}

Deno.test("with fail, no job of a front that is cut off begins twice, and each is answered", () =>
  scene(fail, async (scene) => {
    const { machines: { clock, server }, work, front, one } = scene;
    void work.work(one, 2);
    const posted: Posted[] = [];
    for (const id of ["a", "b", "c", "d"]) posted.push(await work.post(front, id, { ms: 5000 }));
    await clock.pass(500);
    cutOff(scene, front, "silent");
    await clock.pass(8000);
    server.mend(front.link);
    await clock.pass(30_000);
    for (const { id } of posted) assert.equal(work.runsOf(id).length, 1, id);
    assert.deepEqual(posted.map(fateOf), ["node_lost", "node_lost", "exited", "exited"]);
    await expectSettled(scene, posted);
  }));

Deno.test("reserve() of a front that is cut off is refused with queue_unavailable", () =>
  scene({}, async ({ machines: { server }, front }) => {
    server.cut(front.link);
    const refusal = await front.line.reserve({ command: "default" });
    assert.equal(!refusal.reserved && refusal.cause, "queue_unavailable");
  }));

Deno.test("a job that enters when the connection is lost waits for it for three seconds, and then leaves with queue_unavailable", () =>
  scene({}, async ({ machines: { clock, server }, work, front, one }) => {
    const enter = async (id: string) => {
      const posted = await work.post(front, id);
      server.cut(front.link);
      return posted;
    };
    void work.work(one, 1);
    const first = await enter("a");
    await clock.pass(2000);
    server.mend(front.link);
    await clock.pass(1000);
    assert.equal(fateOf(first), "exited");
    const second = await enter("b");
    await clock.pass(3100);
    assert.equal(fateOf(second), "queue_unavailable");
    server.mend(front.link);
    await clock.pass(5000);
    assert.equal(second.answers, 1);
  }));

// The server.

for (const storage of ["file", "memory"] as const) {
  for (const downMs of [2000, 7000]) {
    Deno.test(`a server with its stream in ${storage} restarts after ${downMs} ms: all jobs are answered, none begins twice`, () =>
      scene({ storage }, async (scene) => {
        const { machines: { clock, server }, work, front, one, other } = scene;
        void work.work(one, 2);
        void work.work(other, 1);
        const posted: Posted[] = [];
        for (let i = 0; i < 9; i++) {
          posted.push(await work.post(front, `job ${i}`, { ms: 1000 + 2500 * (i % 3) }));
        }
        await clock.pass(500);
        server.stop();
        await clock.pass(downMs);
        server.start();
        await clock.pass(30_000);
        assert.deepEqual(posted.map(fateOf), posted.map(() => "exited"));
        for (const { id } of posted) assert.equal(work.runsOf(id).length, 1, id);
        const republished = reportsOf(front, "republished").length;
        assert.equal(republished > 0, storage === "memory");
        await expectSettled(scene, posted);
      }));
  }
}

Deno.test("with fail, no job begins twice when the server restarts, and each is answered", async () => {
  for (const storage of ["file", "memory"] as const) {
    await scene({ ...fail, storage }, async (scene) => {
      const { machines: { clock, server }, work, front, one, other } = scene;
      void work.work(one, 2);
      const posted: Posted[] = [];
      for (let i = 0; i < 5; i++) {
        posted.push(await work.post(front, `job ${i}`, { ms: 1000 + 8000 * (i % 2) }));
      }
      await clock.pass(500);
      server.stop();
      await clock.pass(7000);
      server.start();
      void work.work(other, 2);
      await clock.pass(40_000);
      for (const { id } of posted) assert.ok(work.runsOf(id).length <= 1, id);
      await expectSettled(scene, posted);
    });
  }
});

// This process.

Deno.test("a front that was frozen believes nobody dead when it goes on, and answers all", () =>
  scene({}, async (scene) => {
    const { machines: { clock }, work, front, one } = scene;
    void work.work(one, 2);
    const posted = [await work.post(front, "a", { ms: 6000, onDisconnect: "finish" })];
    await clock.pass(500);
    front.freeze();
    await clock.pass(4000);
    front.thaw();
    await clock.pass(10_000);
    assert.deepEqual(posted.map(fateOf), ["exited"]);
    assert.equal(work.begun.length, 1);
    await expectSettled(scene, posted);
  }));

Deno.test("jobs that others gave up while their front was frozen are put into the queue two seconds after it goes on", () =>
  scene({}, async (scene) => {
    const { machines: { clock }, machines, work, front, one } = scene;
    void work.work(one, 1);
    const posted = [
      await work.post(front, "a", { ms: 20_000 }),
      await work.post(front, "b", { ms: 500 }),
    ];
    await clock.pass(500);
    front.freeze();
    await clock.pass(12_000);
    assert.equal((await machines.size()).messages, 0);
    assert.deepEqual(work.ids(), ["a"]);
    front.thaw();
    await clock.pass(2500);
    assert.deepEqual(work.ids().toSorted(), ["a", "a", "b"]);
    await clock.pass(30_000);
    assert.deepEqual(posted.map(fateOf), ["exited", "exited"]);
    await expectSettled(scene, posted);
  }));

Deno.test("a job that a worker of its own machine runs is given to nobody else, however late the machine is", () =>
  scene({}, async (scene) => {
    const { machines: { clock }, work, front, one, other } = scene;
    void work.work(front, 1);
    const posted = [await work.post(front, "own", { ms: 6000 })];
    await clock.pass(500);
    void work.work(one, 2);
    void work.work(other, 2);
    front.freeze();
    await clock.pass(12_000);
    front.thaw();
    await clock.pass(10_000);
    assert.deepEqual(posted.map(fateOf), ["exited"]);
    assert.equal(work.begun.length, 1);
    await expectSettled(scene, posted);
  }));

Deno.test("a job whose entry was not confirmed because the connection broke is in the queue once, and begins once", () =>
  scene({}, async (scene) => {
    const { machines: { clock, server }, machines, work, front, one } = scene;
    const waiting = await work.post(front, "waits");
    server.cut(front.link);
    await clock.pass(500);
    assert.equal((await machines.size()).messages, 1);
    server.mend(front.link);
    await clock.pass(500);
    assert.equal((await machines.size()).messages, 1);
    void work.work(one, 2);
    await clock.pass(500);
    const running = await work.post(front, "runs", { ms: 9000, onDisconnect: "finish" });
    server.cut(front.link);
    await clock.pass(2000);
    server.mend(front.link);
    await clock.pass(30_000);
    assert.deepEqual([waiting, running].map(fateOf), ["exited", "exited"]);
    assert.deepEqual(work.ids(), ["waits", "runs"]);
    await expectSettled(scene, [waiting, running]);
  }));

Deno.test("a job that began before its entry was confirmed is put into the queue anew if all is lost", () =>
  scene({ storage: "memory" }, async (scene) => {
    const { machines: { clock, server }, work, front, one, other } = scene;
    void work.work(one, 2);
    const posted = await work.post(front, "a", { ms: 9000 });
    // The question of the machine comes over the connection that is there for a moment.
    server.cut(front.link);
    server.mend(front.link);
    await clock.pass(50);
    server.stop();
    one.kill();
    await clock.pass(100);
    server.start();
    void work.work(other, 2);
    await clock.pass(40_000);
    assert.deepEqual([posted].map(nodeOf), [other.name]);
    await expectSettled(scene, [posted]);
  }));

Deno.test("with fail, a front that was frozen takes no machine for dead when it goes on", () =>
  scene(fail, async (scene) => {
    const { machines: { clock }, work, front, one } = scene;
    void work.work(one, 2);
    const posted = [await work.post(front, "a", { ms: 6000, onDisconnect: "finish" })];
    await clock.pass(500);
    front.freeze();
    await clock.pass(4000);
    front.thaw();
    await clock.pass(10_000);
    assert.deepEqual(posted.map(fateOf), ["exited"]);
    await expectSettled(scene, posted);
  }));

Deno.test("a job of its own machine is answered at once while the server is away", () =>
  scene({}, async (scene) => {
    const { machines: { clock, server }, work, front } = scene;
    void work.work(front, 1);
    const posted = [await work.post(front, "own", { ms: 1000 })];
    await clock.pass(500);
    server.stop();
    await clock.pass(510);
    assert.deepEqual(posted.map(fateOf), ["exited"]);
    server.start();
    await clock.pass(10_000);
    await expectSettled(scene, posted);
    assert.equal(work.begun.length, 1);
  }));

Deno.test("a message that comes to a worker which has got another one meanwhile goes to the next worker at once", () =>
  scene({}, async ({ machines: { clock, server }, work, front, one, other }) => {
    void work.work(one, 1);
    await clock.pass(10);
    // The server keeps its first question, and gets a second one.
    server.cut(one.link, "unnoticed");
    server.mend(one.link);
    await clock.pass(10);
    void work.work(other, 1);
    await clock.pass(10);
    for (const id of ["a", "b"]) await work.post(front, id, { ms: 3000 });
    await clock.pass(100);
    assert.deepEqual(work.begun.map(({ machine }) => machine), [one, other]);
  }));

Deno.test("a job with a command that no machine has leaves the queue when its front is dead", async () => {
  using machines = createMachines();
  const front = await machines.join({ workers: 0, places: 5 }, {}, { commands: ["new"] });
  const old = await machines.join({ workers: 1 });
  const work = groupWork(machines);
  await machines.clock.pass(settleMs);
  void work.work(old, 1);
  await work.post(front, "a", { command: "new" });
  await machines.clock.pass(1500);
  assert.equal((await machines.size()).messages, 1);
  front.kill();
  await machines.clock.pass(6000);
  assert.equal((await machines.size()).messages, 0);
});

Deno.test("a client that leaves after the stream was lost takes no other job out of the new one", () =>
  scene({ storage: "memory" }, async ({ machines: { clock, server, size }, work, front }) => {
    const lost = await work.post(front, "lost");
    await clock.pass(10);
    server.stop();
    server.start();
    await clock.pass(500);
    await work.post(front, "new");
    await clock.pass(10);
    assert.equal((await size()).messages, 1);
    lost.leave();
    await clock.pass(500);
    assert.equal(lost.answers, 1);
    assert.equal((await size()).messages, 1);
  }));

Deno.test("a job that leaves while the server is away leaves no message behind", () =>
  scene({}, async ({ machines: { clock, server, size }, work, front }) => {
    const leaves = await work.post(front, "leaves");
    await work.post(front, "stays");
    await clock.pass(10);
    server.stop();
    leaves.leave();
    await clock.pass(500);
    assert.equal(leaves.answers, 1);
    server.start();
    await clock.pass(3000);
    assert.equal((await size()).messages, 1);
  }));
