import assert from "node:assert/strict";
import { joinCluster } from "../../src/cluster/cluster.ts";
import { encodeFrame } from "../../src/cluster/frame.ts";
import { type Link, LinkError } from "../../src/cluster/link.ts";
import type { LeaveCause } from "../../src/jobs/job.ts";
import type { LaneLimits, LineSize } from "../../src/jobs/line.ts";
import {
  createMachines,
  groupConfig,
  type Machine,
  type Machines,
  reportTo,
} from "../support/cluster.ts";
import { type GroupWork, groupWork, type Posted } from "../support/group_work.ts";
import { ranOf, specOf } from "../support/jobs.ts";
import { nothingInUse } from "../support/pool_host.ts";

/** Long enough for machines to know each other, and for the limit to be right. */
const settleMs = 4000;

const both = ["rise", "fall"] as const;

interface Scene {
  readonly machines: Machines;
  readonly group: readonly Machine[];
  readonly work: GroupWork;
}

async function scene(
  sizes: readonly Partial<LineSize>[],
  act: (scene: Scene) => Promise<void>,
  ids: "rise" | "fall" = "rise",
): Promise<void> {
  using machines = createMachines(ids);
  const group: Machine[] = [];
  for (const size of sizes) group.push(await machines.join(size));
  await machines.clock.pass(settleMs);
  await act({ machines, group, work: groupWork(machines) });
}

function isRefused({ answer }: Posted): boolean {
  return answer?.kind === "left" && answer.cause === "queue_full";
}

function leftBecause(posted: Posted): LeaveCause | undefined {
  return posted.answer?.kind === "left" ? posted.answer.cause : undefined;
}

function at<T>(all: readonly T[], index: number): T {
  const found = all[index];
  assert.ok(found !== undefined);
  return found;
}

for (const ids of both) {
  for (
    const sizes of [
      [{ workers: 3, places: 5 }, { workers: 2, places: 0 }],
      [{ workers: 0, places: 4 }, { workers: 3, places: 0 }, { workers: 1, places: 2 }],
    ]
  ) {
    Deno.test(`${sizes.length} machines admit exactly the sum of their workers and places at once (ids ${ids})`, () =>
      scene(sizes, async ({ machines, group, work }) => {
        const bound = sizes.reduce((sum, { workers, places }) => sum + workers + places, 0);
        for (const [index, machine] of group.entries()) {
          void work.work(machine, at(sizes, index).workers);
        }
        const posted: Posted[] = [];
        for (let i = 0; i < 3 * bound; i++) {
          const job = await work.post(at(group, i % group.length), `job ${i}`, { ms: 1000 });
          posted.push(job);
        }
        await machines.clock.pass(10);
        assert.equal(posted.filter(isRefused).length, 2 * bound);
        assert.equal((await machines.size()).messages, bound);
        await machines.clock.pass(30_000);
        assert.equal(posted.filter(({ answer }) => answer?.kind === "ran").length, bound);
        assert.equal((await machines.size()).messages, 0);
      }, ids));

    Deno.test(`${sizes.length} machines never refuse a closed loop of exactly that many clients (ids ${ids})`, () =>
      scene(sizes, async ({ machines, group, work }) => {
        const bound = sizes.reduce((sum, { workers, places }) => sum + workers + places, 0);
        for (const [index, machine] of group.entries()) {
          void work.work(machine, at(sizes, index).workers);
        }
        let answers = 0;
        const loop = async (client: number) => {
          for (let i = 0; i < 20; i++) {
            const posted = await work.post(at(group, client % group.length), `${client}-${i}`, {
              ms: (7 * client + 3 * i) % 50,
            });
            await posted.over;
            assert.equal(posted.answer?.kind, "ran", JSON.stringify(posted.answer));
            answers++;
          }
        };
        const loops = Promise.all(Array.from({ length: bound }, (_, client) => loop(client)));
        await machines.clock.pass(60_000);
        await loops;
        assert.equal(answers, bound * 20);
        assert.equal(work.begun.length, answers);
      }, ids));
  }

  Deno.test(`a machine that joins brings its workers and places at once, one that leaves takes them away (ids ${ids})`, () =>
    scene([{ workers: 1, places: 1 }], async ({ machines }) => {
      const { clock } = machines;
      assert.equal((await machines.size()).maxMessages, 2);
      const second = await machines.join({ workers: 2, places: 3 });
      await clock.pass(1500);
      assert.equal((await machines.size()).maxMessages, 7);
      second.cluster.leave();
      second.line.close();
      await second.cluster.close();
      await clock.pass(3500);
      assert.equal((await machines.size()).maxMessages, 2);
    }, ids));
}

Deno.test("machines beat often enough to live also with a timeout that is shorter than a second", async () => {
  using machines = createMachines();
  const config = { nodeTimeoutMs: 900 };
  const one = await machines.join({}, config);
  await machines.join({}, config);
  await machines.clock.pass(settleMs);
  for (let ms = 0; ms < 5000; ms += 10) {
    await machines.clock.pass(10);
    assert.equal(one.cluster.state().nodes.filter(({ state }) => state === "up").length, 2);
  }
});

Deno.test("jobs begin in the order in which they were posted, whichever machine has the client", () =>
  scene([{ places: 9 }, { places: 9 }, { places: 9 }], async ({ machines, group, work }) => {
    const ids = Array.from({ length: 20 }, (_, i) => `job ${i}`);
    for (const [i, id] of ids.entries()) {
      await work.post(at(group, (i * i) % 3), id, { ms: 70 + 13 * (i % 5) });
      await machines.clock.pass(1);
    }
    for (const machine of group) work.work(machine, 1);
    await machines.clock.pass(5000);
    assert.deepEqual(work.ids(), ids);
  }));

Deno.test("a front without workers has its jobs run elsewhere, and the answer says where", () =>
  scene(
    [{ workers: 0, places: 3 }, { workers: 2, places: 0 }],
    async ({ machines, group, work }) => {
      const [front, executor] = [at(group, 0), at(group, 1)];
      void work.work(executor, 2);
      const posted = await work.post(front, "a");
      await machines.clock.pass(200);
      assert.ok(posted.answer?.kind === "ran");
      const { node, output, id } = posted.answer.result;
      assert.deepEqual([id, node, output.bytes], ["a", executor.name, new Uint8Array([1])]);
    },
  ));

Deno.test("leave() of a waiting job frees its place at once, and it never begins", () =>
  scene(
    [{ workers: 0, places: 1 }, { workers: 0, places: 1 }],
    async ({ machines, group, work }) => {
      const [one, other] = [at(group, 0), at(group, 1)];
      const posted = await work.post(one, "a");
      await work.post(one, "b");
      await machines.clock.pass(1);
      const { answer: full } = await refused(work, other, machines, "c");
      assert.ok(full?.kind === "left");
      assert.deepEqual([full.cause, full.waiting], ["queue_full", 2]);
      posted.leave();
      await machines.clock.pass(1);
      assert.equal(leftBecause(posted), "canceled");
      const next = await work.post(other, "d");
      void work.work(other, 1);
      await machines.clock.pass(1000);
      assert.equal(next.answer?.kind, "ran");
      assert.deepEqual(work.ids(), ["b", "d"]);
    },
  ));

async function refused(work: GroupWork, machine: Machine, { clock }: Machines, id: string) {
  const posted = await work.post(machine, id);
  await clock.pass(1);
  return posted;
}

Deno.test("leave() of a job that runs on another machine ends its run if its client's setting is cancel", () =>
  scene([{ workers: 0, places: 2 }, { workers: 2 }], async ({ machines, group, work }) => {
    const [front, executor] = [at(group, 0), at(group, 1)];
    void work.work(executor, 2);
    const canceled = await work.post(front, "cancel", { ms: 5000 });
    const finished = await work.post(front, "finish", { ms: 5000, onDisconnect: "finish" });
    await machines.clock.pass(100);
    canceled.leave();
    finished.leave();
    await machines.clock.pass(100);
    const { answer } = canceled;
    assert.equal(answer?.kind === "ran" && answer.result.ending.kind, "canceled");
    assert.equal(finished.answers, 0);
    await machines.clock.pass(5000);
    assert.equal(finished.answer?.kind, "ran");
    assert.equal(work.begun.length, 2);
  }));

Deno.test("leave() of a job that is on its way into the queue, or to a worker, leaves nothing behind", async () => {
  for (const turns of Array.from({ length: 12 }, (_, i) => i)) {
    await scene(
      [{ workers: 0, places: 2 }, { workers: 1 }],
      async ({ machines, group, work }) => {
        const [front, executor] = [at(group, 0), at(group, 1)];
        void work.work(executor, 1);
        const posted = await work.post(front, "a", { ms: 5000 });
        for (let i = 0; i < turns; i++) await Promise.resolve();
        posted.leave();
        await machines.clock.pass(2500);
        assert.equal(posted.answers, 1);
        assert.ok(work.begun.every(({ endMs }) => endMs !== undefined));
        assert.equal((await machines.size()).messages, 0);
        const next = await work.post(front, "b");
        await machines.clock.pass(1000);
        assert.equal(next.answer?.kind, "ran");
        assert.deepEqual(executor.host.inUse, nothingInUse);
      },
    );
  }
});

Deno.test("leave() of a job that is on its way into the queue frees its place although no worker comes", () =>
  scene([{ workers: 0, places: 1 }], async ({ machines, group, work }) => {
    const posted = await work.post(at(group, 0), "a");
    posted.leave();
    await machines.clock.pass(10);
    assert.equal(posted.answers, 1);
    assert.equal((await machines.size()).messages, 0);
  }));

Deno.test("a job whose queue timeout is over leaves, and is not begun by any machine", () =>
  scene(
    [{ workers: 0, places: 3, queueTimeoutMs: 1000 }, { workers: 1 }],
    async ({ machines, group, work }) => {
      const [front, executor] = [at(group, 0), at(group, 1)];
      void work.work(executor, 1);
      const first = await work.post(front, "a", { ms: 3000 });
      const second = await work.post(front, "b", { ms: 100 });
      await machines.clock.pass(1000);
      assert.equal(leftBecause(second), "queue_timeout");
      assert.equal((await machines.size()).messages, 1);
      await machines.clock.pass(4000);
      assert.equal(first.answer?.kind, "ran");
      assert.deepEqual(work.ids(), ["a"]);
    },
  ));

Deno.test("each pool has its own queue and its own bound, and a machine takes jobs only of pools that it has", () =>
  scene([{ workers: 1 }, { workers: 1 }], async ({ machines, group, work }) => {
    const [one, other] = [at(group, 0), at(group, 1)];
    const front = one.open("slow-gpu", { workers: 0, places: 1 }, { commands: ["train"] });
    await machines.clock.pass(settleMs);
    assert.equal((await machines.size("slow-gpu")).maxMessages, 1);
    void work.work(one, 1);
    void work.work(other, 1);
    const waiting = await work.post({ ...one, line: front }, "a", { command: "train" });
    const busy = await work.post(one, "b");
    await machines.clock.pass(1000);
    assert.equal(waiting.answers, 0);
    assert.equal(busy.answer?.kind, "ran");
    const gpu = other.open("slow-gpu", { workers: 1 }, { commands: ["train"] });
    void work.work({ ...other, line: gpu }, 1);
    await machines.clock.pass(1000);
    assert.ok(waiting.answer?.kind === "ran");
    assert.equal(waiting.answer.result.node, other.name);
  }));

Deno.test("a pool that is closed and opened anew on a machine loses no job, and runs none twice", () =>
  scene([{ workers: 0, places: 4 }, { workers: 1 }], async ({ machines, group, work }) => {
    const [front, executor] = [at(group, 0), at(group, 1)];
    void work.work(executor, 1);
    const first = await work.post(front, "a", { ms: 8000 });
    const second = await work.post(front, "b", { ms: 100 });
    await machines.clock.pass(100);
    executor.line.close();
    void work.work({ ...executor, line: executor.open("default", { workers: 1 }) }, 1);
    await machines.clock.pass(20_000);
    assert.equal(first.answer?.kind, "ran");
    assert.equal(second.answer?.kind, "ran");
    assert.deepEqual(work.ids(), ["a", "b"]);
  }));

Deno.test("a job waits for a machine that has its command, and does not stop the others", async () => {
  using machines = createMachines();
  const front = await machines.join({ workers: 0, places: 5 }, {}, {
    commands: ["default", "new"],
  });
  const old = await machines.join({ workers: 1 });
  await machines.clock.pass(settleMs);
  const work = groupWork(machines);
  void work.work(old, 1);
  const waits = await work.post(front, "a", { command: "new" });
  const runs = await work.post(front, "b");
  await machines.clock.pass(1500);
  assert.equal(waits.answers, 0);
  assert.equal(runs.answer?.kind, "ran");
  void work.work(await machines.join({ workers: 1 }, {}, { commands: ["new"] }), 1);
  await machines.clock.pass(3000);
  assert.ok(waits.answer?.kind === "ran");
  assert.equal(waits.answer.result.node, "machine-3");
});

Deno.test("the queue gives a client no more places to wait in than it may have, on the machine where it posts", () =>
  scene([lanes({ maxWaiting: 2 }), { workers: 0 }], async ({ group, work }) => {
    const front = at(group, 0);
    await work.post(front, "a", { client: "ann" });
    await work.post(front, "b", { client: "ann" });
    const refusal = await front.line.reserve({ command: "default", client: "ann" });
    assert.equal(!refusal.reserved && refusal.cause, "client_limit");
    await work.post(front, "c", { client: "bob" });
  }));

Deno.test("a client has no more jobs running at once than it may, on all machines together", () =>
  scene(
    [lanes({ maxRunning: 2 }), { workers: 3 }, { workers: 3 }],
    async ({ machines, group, work }) => {
      for (const machine of group.slice(1)) work.work(machine, 3);
      const ids = ["a", "b", "c", "d", "e"];
      const front = at(group, 0);
      for (const id of ids) await work.post(front, id, { client: "ann", ms: 1000 });
      const other = await work.post(front, "other", { client: "bob", ms: 1000 });
      await machines.clock.pass(1100);
      assert.equal(other.answer?.kind, "ran");
      await machines.clock.pass(20_000);
      assert.deepEqual(work.ids().sort(), [...ids, "other"]);
      const runs = work.begun.filter(({ id }) => id !== "other");
      for (const { atMs } of runs) {
        const atOnce = runs.filter((run) => run.atMs <= atMs && (run.endMs ?? 0) > atMs).length;
        assert.ok(atOnce <= 2, `${atOnce} at once`);
      }
    },
  ));

function lanes(limits: LaneLimits): Partial<LineSize> {
  return { workers: 0, places: 9, lanes: new Map([["ann", limits]]) };
}

Deno.test("a message that is no job leaves the queue; one of a later version stays for machines that know it", () =>
  scene([{ workers: 1 }], async ({ machines, group, work }) => {
    void work.work(at(group, 0), 1);
    const link = machines.server.connect();
    const store = (id: string, data: Uint8Array<ArrayBuffer>) =>
      link.store("jr1.test.job.default", data, { id, timeoutMs: 1000 });
    await store("garbage", new Uint8Array([1, 2, 3]));
    await machines.clock.pass(100);
    assert.equal((await machines.size()).messages, 0);
    assert.deepEqual(at(group, 0).reported, [["usable", "default"], ["misunderstood", "a job"]]);
    const newer = await store("newer", encodeFrame({ proto: 2, what: "nobody knows" }));
    await machines.clock.pass(3000);
    assert.equal((await machines.size()).messages, 1);
    await link.remove("JR1_test_default", newer);
    const posted = await work.post(at(group, 0), "a");
    await machines.clock.pass(100);
    assert.equal(posted.answer?.kind, "ran");
    assert.deepEqual(work.ids(), ["a"]);
  }));

Deno.test("a machine whose settings contradict those of the stream says so once for each sentence, and takes no job", async () => {
  using machines = createMachines();
  const one = await machines.join({ workers: 1 });
  const other = await machines.join({ workers: 1 }, { storage: "memory" });
  const work = groupWork(machines);
  void work.work(other, 1);
  await machines.clock.pass(5000);
  const refused = other.reported.filter(([name]) => name !== "joined");
  assert.deepEqual(refused.map(([name]) => name), ["refused"]);
  assert.match(String(refused[0]?.[1]), /storage of stream JR1_test_default/);
  assert.deepEqual(one.reported.map(([name]) => name), ["usable", "joined"]);
});

Deno.test("a machine whose beats are larger than the server allows says so once, and goes on", async () => {
  using machines = createMachines();
  const link = new Proxy(machines.server.connect(), {
    get(target, name: keyof Link) {
      if (name !== "publish") return target[name];
      return () => {
        throw new LinkError("refused", "too large");
      };
    },
  });
  const refused: string[] = [];
  joinCluster({
    config: groupConfig,
    version: "0.0.0",
    link,
    report: reportTo([]),
    onRefused: (sentence) => refused.push(sentence),
    clock: machines.clock,
  });
  await machines.clock.pass(5000);
  assert.deepEqual(refused, ["too large"]);
});

Deno.test("jobs that come right after a machine has begun are offered once", async () => {
  using machines = createMachines();
  const { clock } = machines;
  const front = await machines.join({ workers: 0, places: 6 });
  const executor = await machines.join({ workers: 0 });
  const posts = front.open("office", { workers: 0, places: 6 });
  await clock.pass(settleMs);
  const takes = executor.open("office", { workers: 2 });
  const taken = [takes.take(), takes.take()];
  await clock.pass(settleMs);
  for (const id of ["a", "b", "c", "d"]) {
    const place = await posts.reserve({ command: "default" });
    assert.ok(place.reserved);
    void place.fill(specOf(id));
  }
  await clock.pass(100);
  for (const lease of await Promise.all(taken)) {
    assert.ok(lease);
    lease.settle(ranOf(lease.spec));
    void takes.take();
  }
  await clock.pass(100);
  assert.deepEqual(executor.reported.filter(([name]) => name === "redelivered"), []);
});
Deno.test("a machine whose pool has lost its commands leaves jobs to the others, and takes its places with it", () =>
  scene([{ workers: 1, places: 3 }, { workers: 1 }, { workers: 0, places: 2 }], async (scene) => {
    const { machines, group: [removed, other, front], work } = scene;
    assert.ok(removed && other && front);
    const { digests } = removed.host;
    void work.work(removed, 1);
    await machines.clock.pass(10);
    void work.work(other, 1);
    Object.assign(removed.host, { digests: {} });
    await machines.clock.pass(3000);
    assert.equal((await machines.size()).maxMessages, 3);
    await work.post(front, "a");
    await machines.clock.pass(50);
    assert.deepEqual(work.begun.map(({ machine }) => machine), [other]);
    Object.assign(removed.host, { digests });
    await machines.clock.pass(3000);
    assert.equal((await machines.size()).maxMessages, 7);
    for (const id of ["b", "c"]) await work.post(front, id);
    await machines.clock.pass(50);
    assert.equal(work.begun.length, 3);
  }));
