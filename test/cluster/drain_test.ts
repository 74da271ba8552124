import assert from "node:assert/strict";
import { pause } from "../../src/cluster/clock.ts";
import type { ClusterConfig } from "../../src/config/config.ts";
import type { JobOutcome } from "../../src/jobs/job.ts";
import { createMachines, type Machine, type Machines } from "../support/cluster.ts";
import { type GroupWork, groupWork, type Posted } from "../support/group_work.ts";
import { nothingInUse } from "../support/pool_host.ts";

/** Long enough for machines to know each other, and for the limit to be right. */
const settleMs = 4000;

interface Scene {
  readonly machines: Machines;
  readonly work: GroupWork;
  /** The machine that stops. It has two workers, as the other one. */
  readonly stops: Machine;
  readonly stays: Machine;
}

async function scene(
  act: (scene: Scene) => Promise<void>,
  config: Partial<ClusterConfig> = {},
): Promise<void> {
  using machines = createMachines();
  const work = groupWork(machines);
  const stops = await machines.join({ workers: 2, places: 4 }, config);
  const stays = await machines.join({ workers: 2, places: 4 }, config);
  await machines.clock.pass(settleMs);
  await act({ machines, work, stops, stays });
}

/** Stops a machine as the program does: resolves with the milliseconds that it took. */
function drain({ clock }: Machines, { cluster, line }: Machine, workers: Promise<unknown>) {
  const begun = clock.now();
  cluster.leave();
  line.close();
  let tookMs: number | undefined;
  void Promise.all([line.ended, workers]).then(() => cluster.close())
    .then(() => tookMs = clock.now() - begun);
  return { tookMs: () => tookMs };
}

function fateOf({ answer }: Posted): string | undefined {
  if (answer?.kind === "ran") return answer.result.ending.kind;
  return answer?.kind === "left" ? answer.cause : answer?.failure.kind;
}

function nodeOf({ answer }: Posted): string | undefined {
  return answer?.kind === "ran" ? answer.result.node : undefined;
}

Deno.test("an idle machine leaves at once, and takes its places with it", () =>
  scene(async ({ machines, work, stops, stays }) => {
    const workers = work.work(stops, 2);
    void work.work(stays, 2);
    const { tookMs } = drain(machines, stops, workers);
    await machines.clock.pass(10);
    assert.equal(tookMs(), 0);
    await machines.clock.pass(1000);
    assert.equal((await machines.size()).maxMessages, 6);
    assert.deepEqual(stays.cluster.state().nodes.map(({ name }) => name), [stays.name]);
  }));

Deno.test("a machine that stops finishes what it runs, and the others run what waits there", () =>
  scene(async ({ machines, work, stops, stays }) => {
    const workers = work.work(stops, 2);
    const posted: Posted[] = [];
    for (const id of ["a", "b", "c", "d"]) {
      posted.push(await work.post(stops, id, { ms: 3000 }));
      posted.push(await work.post(stays, `other ${id}`, { ms: 3000 }));
    }
    await machines.clock.pass(100);
    const { tookMs } = drain(machines, stops, workers);
    void work.work(stays, 2);
    await machines.clock.pass(30_000);
    assert.deepEqual(posted.map(fateOf), posted.map(() => "exited"));
    assert.equal(work.begun.filter(({ machine }) => machine === stops).length, 2);
    assert.equal(work.begun.length, posted.length);
    assert.ok((tookMs() ?? Infinity) < 15_000);
    assert.equal((await machines.size()).messages, 0);
  }));

Deno.test("a machine that stops and is alone runs its own jobs to the end", () =>
  scene(async ({ machines, work, stops, stays }) => {
    stays.kill();
    await machines.clock.pass(settleMs);
    const workers = work.work(stops, 2);
    const posted: Posted[] = [];
    for (const id of ["a", "b", "c", "d"]) posted.push(await work.post(stops, id, { ms: 1000 }));
    const { tookMs } = drain(machines, stops, workers);
    await machines.clock.pass(5000);
    assert.deepEqual(posted.map(fateOf), posted.map(() => "exited"));
    assert.ok((tookMs() ?? Infinity) <= 3000);
  }));

Deno.test("a machine that stops goes on alone when the other one dies meanwhile", () =>
  scene(async ({ machines, work, stops, stays }) => {
    const workers = work.work(stops, 2);
    const posted: Posted[] = [];
    for (const id of ["a", "b", "c", "d"]) posted.push(await work.post(stops, id, { ms: 1000 }));
    const { tookMs } = drain(machines, stops, workers);
    await machines.clock.pass(500);
    stays.kill();
    await machines.clock.pass(10_000);
    assert.deepEqual(posted.map(fateOf), posted.map(() => "exited"));
    assert.notEqual(tookMs(), undefined);
  }));

Deno.test("cut() gives the jobs of others back, and they are run anew", () =>
  scene(async ({ machines, work, stops, stays }) => {
    const workers = work.work(stops, 2);
    const posted = [await work.post(stays, "a", { ms: 3000 })];
    await machines.clock.pass(100);
    const { tookMs } = drain(machines, stops, workers);
    assert.deepEqual(stops.line.cut(), { running: 1, waiting: 0 });
    await machines.clock.pass(100);
    assert.notEqual(tookMs(), undefined);
    void work.work(stays, 2);
    await machines.clock.pass(5000);
    assert.deepEqual(posted.map(nodeOf), [stays.name]);
    assert.deepEqual(posted.map(fateOf), ["exited"]);
    assert.deepEqual(stops.host.inUse, nothingInUse);
  }));

for (
  const [when, config, leavesAlone] of [
    ["with fail", { onLost: "fail" }, false],
    ["of a machine without others", {}, true],
  ] as const
) {
  Deno.test(`cut() ${when} answers the jobs of others with the cause shutdown`, () =>
    scene(async ({ machines, work, stops, stays }) => {
      const workers = work.work(stops, 2);
      if (leavesAlone) stays.line.resize({ workers: 0, places: 4, queueTimeoutMs: Infinity });
      const posted = [await work.post(stays, "a", { ms: 3000 })];
      await machines.clock.pass(1100);
      drain(machines, stops, workers);
      stops.line.cut();
      await machines.clock.pass(2500);
      assert.deepEqual(posted.map(fateOf), ["shutdown"]);
      assert.equal(work.begun.length, 1);
    }, config));
}

Deno.test("cut() ends own jobs: those that wait leave, those that run elsewhere are ended there", () =>
  scene(async ({ machines, work, stops, stays }) => {
    void work.work(stays, 2);
    await machines.join({ workers: 1 });
    await machines.clock.pass(10);
    const posted: Posted[] = [];
    for (const id of ["a", "b", "c"]) posted.push(await work.post(stops, id, { ms: 30_000 }));
    await machines.clock.pass(100);
    const { tookMs } = drain(machines, stops, Promise.resolve());
    assert.deepEqual(stops.line.cut(), { running: 2, waiting: 1 });
    await machines.clock.pass(100);
    assert.deepEqual(posted.map(fateOf), ["shutdown", "shutdown", "shutdown"]);
    assert.deepEqual(posted.map(({ answer }) => answer?.kind), ["ran", "ran", "left"]);
    assert.notEqual(tookMs(), undefined);
    assert.equal((await machines.size()).messages, 0);
    assert.equal(work.begun.length, 2);
  }));

Deno.test("cut() does not wait for a machine that is dead, or for a server that is away", async () => {
  for (const lost of ["machine", "server"] as const) {
    await scene(async ({ machines, work, stops, stays }) => {
      void work.work(stays, 2);
      const posted = [await work.post(stops, "a", { ms: 30_000 })];
      await machines.clock.pass(100);
      if (lost === "machine") stays.kill();
      else machines.server.stop();
      const { tookMs } = drain(machines, stops, Promise.resolve());
      stops.line.cut();
      await machines.clock.pass(lost === "machine" ? 4000 : 100);
      assert.deepEqual(posted.map(fateOf), ["shutdown"]);
      assert.notEqual(tookMs(), undefined);
    });
  }
});

Deno.test("close() ends all timers, also in the middle of something", async () => {
  using machines = createMachines();
  const idle = machines.clock.timers;
  const front = await machines.join({ workers: 0, places: 4, queueTimeoutMs: 60_000 });
  const executor = await machines.join({ workers: 2 });
  await machines.clock.pass(settleMs);
  const work = groupWork(machines);
  void work.work(executor, 2);
  for (const id of ["a", "b", "c"]) await work.post(front, id, { ms: 100 });
  await machines.clock.pass(50);
  machines.server.cut(front.link);
  await machines.clock.pass(200);
  // Its results cannot be delivered.
  const closing = [front.cluster.close(), executor.cluster.close()];
  await machines.clock.pass(6000);
  await Promise.all(closing);
  machines.server.stop();
  await machines.clock.pass(20_000);
  assert.equal(machines.clock.timers, idle);
});

Deno.test("close() delivers the results that wait for their front, if it comes back in time", () =>
  scene(async ({ machines, work, stops, stays }) => {
    const workers = work.work(stops, 2);
    const posted = [await work.post(stays, "a", { ms: 1000 })];
    await machines.clock.pass(100);
    machines.server.cut(stays.link, "unnoticed");
    const { tookMs } = drain(machines, stops, workers);
    await machines.clock.pass(2000);
    assert.equal(tookMs(), undefined);
    assert.equal(stops.cluster.state().pools[0]?.undelivered, 1);
    machines.server.mend(stays.link);
    await machines.clock.pass(1500);
    assert.deepEqual(posted.map(nodeOf), [stops.name]);
    assert.ok((tookMs() ?? Infinity) < 4000);
  }));

Deno.test("a result that cannot be delivered for a minute is given up, and the job is run anew", () =>
  scene(async ({ machines, work, stops, stays }) => {
    void work.work(stops, 2);
    const posted = [await work.post(stays, "a", { ms: 1000 })];
    await machines.clock.pass(100);
    machines.server.cut(stays.link, "unnoticed");
    await machines.clock.pass(70_000);
    assert.equal(stops.cluster.state().pools[0]?.undelivered, 0);
    machines.server.mend(stays.link);
    await machines.clock.pass(20_000);
    assert.deepEqual(posted.map(fateOf), ["exited"]);
    assert.equal(work.begun.length, 2);
    assert.ok(stops.reported.some(([name]) => name === "unclaimed"));
    assert.equal((await machines.size()).messages, 0);
  }));

Deno.test("a machine that stops takes its own jobs whose command no other machine has", async () => {
  using machines = createMachines();
  const work = groupWork(machines);
  const stops = await machines.join({ workers: 1, places: 4 }, {}, {
    commands: ["default", "new"],
  });
  const stays = await machines.join({ workers: 1, places: 4 });
  await machines.clock.pass(settleMs);
  const workers = work.work(stops, 1);
  void work.work(stays, 1);
  const posted = [
    await work.post(stops, "first", { command: "new", ms: 1000 }),
    await work.post(stops, "second", { command: "new", ms: 1000 }),
  ];
  await machines.clock.pass(100);
  const { tookMs } = drain(machines, stops, workers);
  await machines.clock.pass(10_000);
  assert.deepEqual(posted.map(nodeOf), [stops.name, stops.name]);
  assert.ok((tookMs() ?? Infinity) < 6000, `${tookMs()} ms`);
});

Deno.test("close() waits for a result for as long as its front fetches it", () =>
  scene(async ({ machines, work, stops, stays }) => {
    const workers = work.work(stops, 1);
    const bytes = new Uint8Array(16 * 2 ** 20).fill(1);
    const file = {
      length: bytes.length,
      async read(at: number, into: Uint8Array<ArrayBuffer>) {
        await pause(machines.clock, 2000);
        into.set(bytes.subarray(at, at + into.length));
        return into.length;
      },
      close() {},
    };
    const outcome = (usual: JobOutcome): JobOutcome => {
      assert.ok(usual.kind === "ran");
      const data = { bytes: new Uint8Array(), truncated: false, file };
      return { kind: "ran", result: { ...usual.result, data } };
    };
    const posted = [await work.post(stays, "a", { ms: 1000, outcome })];
    await machines.clock.pass(100);
    const { tookMs } = drain(machines, stops, workers);
    void work.work(stays, 1);
    await machines.clock.pass(30_000);
    assert.deepEqual(posted.map(nodeOf), [stops.name]);
    assert.equal(work.begun.length, 1);
    assert.ok((tookMs() ?? Infinity) < 20_000);
  }));
