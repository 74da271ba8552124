import assert from "node:assert/strict";
import { decodeQuestion, encodeAnswer, encodeBeat, encodeJob } from "../../src/cluster/codec.ts";
import type { Link } from "../../src/cluster/link.ts";
import type { ClaimAnswer, JobMessage } from "../../src/cluster/messages.ts";
import { subjectsOf } from "../../src/cluster/names.ts";
import { newJobUid } from "../../src/jobs/job.ts";
import { createMachines, type Machine, type Machines } from "../support/cluster.ts";
import { type GroupWork, groupWork } from "../support/group_work.ts";

const subjects = subjectsOf("test");
const front = "000000ff-0000-4000-8000-00000000000f";

/** An executor, and a connection over which the test is a front. */
interface Scene {
  readonly machines: Machines;
  readonly work: GroupWork;
  readonly executor: Machine;
  readonly link: Link;
  /** What the front was asked. */
  readonly asked: string[];
  /** It says that it lives. */
  beat(): void;
  /** How it answers; not at all if undefined. */
  answer: ClaimAnswer | undefined;
  /** `id` is that of the message. */
  post(more?: Partial<JobMessage>, uid?: string, id?: string): Promise<unknown>;
}

async function scene(act: (scene: Scene) => Promise<void>, runMs?: number): Promise<void> {
  using machines = createMachines();
  const executor = await machines.join({ workers: 1, places: 5 });
  const link = machines.server.connect();
  const work = groupWork(machines, runMs);
  const asked: string[] = [];
  const beat = encodeBeat({
    proto: 1,
    node: front,
    name: "front",
    version: "1",
    state: "up",
    pools: {},
  });
  const scene: Scene = {
    machines,
    work,
    executor,
    link,
    asked,
    answer: "run",
    beat: () => link.publish(subjects.heartbeat, beat),
    async post(more = {}, uid = newJobUid(), id = uid) {
      const data = encodeJob({
        proto: 1,
        front,
        spec: {
          uid,
          id: uid,
          requestId: "r",
          command: "default",
          keep: "memory",
          onDisconnect: "cancel",
        },
        payload: { kind: "bytes", length: 1 },
        claimFirst: false,
        ...more,
      }, new Uint8Array([1]));
      return await link.store("jr1.test.job.default", data, { id, timeoutMs: 1000 });
    },
  };
  link.subscribe(subjects.front(front, "*"), ({ subject, data, reply }) => {
    const verb = subject.slice(subject.lastIndexOf(".") + 1);
    asked.push(verb);
    if (verb === "result" || !decodeQuestion(data)) return;
    if (scene.answer && reply) link.publish(reply, encodeAnswer(scene.answer));
  });
  scene.beat();
  await machines.clock.pass(1);
  void work.work(executor, 1);
  await act(scene);
}

Deno.test("a small job of a machine that lives begins at once, and its front is told", () =>
  scene(async ({ machines, work, asked, post }) => {
    await post();
    await machines.clock.pass(10);
    assert.equal(work.begun.length, 1);
    assert.deepEqual(asked, ["started"]);
  }));

Deno.test("a run that its front does not want is ended, and has no result", async () => {
  for (const answer of ["gone", "held"] as const) {
    await scene(async (scene) => {
      const { machines, work, asked, post } = scene;
      scene.answer = answer;
      await post();
      await machines.clock.pass(100);
      assert.notEqual(work.begun[0]?.endMs, undefined);
      assert.deepEqual(asked, ["started"]);
      assert.equal((await machines.size()).messages, answer === "gone" ? 0 : 1);
    });
  }
});

Deno.test("a job that must be claimed begins when its front allows it, and not before", () =>
  scene(async (scene) => {
    const { machines, work, asked, post } = scene;
    scene.answer = "held";
    await post({ claimFirst: true });
    await machines.clock.pass(900);
    assert.deepEqual(asked, ["claim"]);
    assert.equal(work.begun.length, 0);
    scene.answer = "run";
    await machines.clock.pass(200);
    assert.equal(work.begun.length, 1);
  }));

Deno.test("a job whose front does not answer a claim is given back, also to the front, whose answer may be lost", () =>
  scene(async (scene) => {
    const { machines, work, asked, post } = scene;
    scene.answer = undefined;
    await post({ claimFirst: true });
    await machines.clock.pass(1500);
    assert.deepEqual(asked, ["claim", "back"]);
    assert.equal(work.begun.length, 0);
    assert.equal((await machines.size()).messages, 1);
  }));

Deno.test("a machine that was frozen asks before it begins with what came meanwhile", () =>
  scene(async ({ machines, work, executor, asked, post }) => {
    executor.freeze();
    await post();
    await machines.clock.pass(2500);
    executor.thaw();
    await machines.clock.pass(100);
    assert.deepEqual(asked.slice(0, 1), ["claim"]);
    assert.equal(work.begun.length, 1);
  }));

Deno.test("a machine that was frozen between the answer and the begin of a job asks again", () =>
  scene(async (scene) => {
    const { machines, work, executor, asked, post } = scene;
    await post({ claimFirst: true });
    executor.freeze();
    await machines.clock.pass(2500);
    scene.answer = "held";
    executor.thaw();
    await machines.clock.pass(100);
    assert.ok(asked.length >= 2);
    assert.deepEqual(work.begun, []);
  }));

Deno.test("a front that does not answer is told again that a job has begun, and can end it then", () =>
  scene(async (scene) => {
    const { machines, work, asked, post } = scene;
    scene.answer = undefined;
    await post();
    await machines.clock.pass(50);
    assert.equal(work.begun.length, 1);
    await machines.clock.pass(5);
    scene.answer = "gone";
    await machines.clock.pass(3000);
    assert.deepEqual(asked, ["started", "started"]);
    assert.equal((await machines.size()).messages, 0);
  }, 10_000));

Deno.test("a job whose command is removed while its front is asked is given back, also to the front", () =>
  scene(async (scene) => {
    const { machines, work, executor, asked, post } = scene;
    const use = () => {
      throw new Error("the pool has no command default");
    };
    Object.assign(executor.host, { use });
    await post({ claimFirst: true });
    await machines.clock.pass(500);
    assert.deepEqual(asked, ["claim", "back"]);
    assert.equal(work.begun.length, 0);
    assert.equal((await machines.size()).messages, 1);
  }));

Deno.test("a job that a server offers anew with an old number is asked for with a higher one", () =>
  scene(async (scene) => {
    const { machines, link, post } = scene;
    const attempts: number[] = [];
    link.subscribe(subjects.front(front, "claim"), ({ data }) => {
      attempts.push(decodeQuestion(data)?.attempt ?? 0);
    });
    scene.answer = "gone";
    const uid = newJobUid();
    for (const id of ["first", "second"]) {
      await post({ claimFirst: true }, uid, id);
      await machines.clock.pass(50);
      assert.equal((await machines.size()).messages, 0);
    }
    assert.deepEqual(attempts, [1, 2]);
  }));

Deno.test("a machine that has just got its connection back asks before it begins", () =>
  scene(async ({ machines, work, executor, asked, post, beat }) => {
    machines.server.cut(executor.link);
    machines.server.mend(executor.link);
    await machines.clock.pass(10);
    await post();
    await machines.clock.pass(500);
    assert.equal(asked[0], "claim");
    await machines.clock.pass(5000);
    asked.length = 0;
    beat();
    await post();
    await machines.clock.pass(10);
    assert.deepEqual(asked, ["started"]);
    assert.equal(work.begun.length, 2);
  }));
