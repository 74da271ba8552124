import assert from "node:assert/strict";
import {
  decodeAnswer,
  decodeCancel,
  decodeJob,
  decodeResultAnswer,
  encodePortion,
  encodeQuestion,
  encodeResult,
} from "../../src/cluster/codec.ts";
import type { Link } from "../../src/cluster/link.ts";
import type { ClaimAnswer, ResultMessage } from "../../src/cluster/messages.ts";
import { subjectsOf } from "../../src/cluster/names.ts";
import type { ClusterConfig } from "../../src/config/config.ts";
import type { LineSize } from "../../src/jobs/line.ts";
import { createMachines, type Machine, type Machines } from "../support/cluster.ts";
import { type GroupWork, groupWork } from "../support/group_work.ts";
import type { HostSetup } from "../support/pool_host.ts";

const subjects = subjectsOf("test");
const [one, other] = [1, 2].map((digit) => `0000000${digit}-0000-4000-8000-00000000000f`) as [
  string,
  string,
];

/** A front, and a connection over which the test asks it as other machines do. */
interface Scene {
  readonly machines: Machines;
  readonly work: GroupWork;
  readonly front: Machine;
  readonly link: Link;
  /** Unique name of the job that is the nth message of the stream. */
  uidOf(sequence: number): Promise<string>;
  ask(
    verb: "claim" | "started",
    uid: string,
    node: string,
    attempt?: number,
  ): Promise<ClaimAnswer | undefined>;
  result(uid: string, node: string): Promise<string | undefined>;
}

async function scene(
  setup: {
    readonly size?: Partial<LineSize>;
    readonly config?: Partial<ClusterConfig>;
    readonly host?: HostSetup;
  },
  act: (scene: Scene) => Promise<void>,
): Promise<void> {
  using machines = createMachines();
  const size = { workers: 0, places: 9, ...setup.size };
  const front = await machines.join(size, setup.config, setup.host);
  const link = machines.server.connect();
  const node = front.cluster.state().nodes[0]?.id ?? "";
  await act({
    machines,
    work: groupWork(machines),
    front,
    link,
    async uidOf(sequence) {
      const job = decodeJob(await link.read("JR1_test_default", sequence));
      assert.ok(typeof job === "object");
      return job.spec.uid;
    },
    async ask(verb, uid, from, attempt = 1) {
      const question = encodeQuestion({ uid, node: from, attempt });
      return decodeAnswer(await link.request(subjects.front(node, verb), question, 1000));
    },
    async result(uid, from) {
      const data = encodeResult(resultOf(uid, from));
      return decodeResultAnswer(await link.request(subjects.front(node, "result"), data, 30_000));
    },
  });
}

function resultOf(uid: string, node: string): ResultMessage {
  const capture = { length: 0, truncated: false };
  return {
    uid,
    node,
    attempt: 1,
    outcome: {
      kind: "ran",
      workerId: 1,
      ending: { kind: "exited", exitStatus: 0 },
      elapsedSec: 1,
      captures: { output: capture, error: capture, data: capture },
    },
  };
}

Deno.test("one machine at a time gets the right to run a job; the same question has the same answer", () =>
  scene({}, async ({ work, front, ask, uidOf }) => {
    await work.post(front, "a");
    const uid = await uidOf(1);
    assert.equal(await ask("claim", uid, one), "run");
    assert.equal(await ask("claim", uid, one), "run");
    assert.equal(await ask("started", uid, other), "held");
    assert.equal(await ask("claim", "0".repeat(32), one), "gone");
  }));

Deno.test("a job that a worker of the front's own machine has is given to nobody, and neither is its payload", () =>
  scene({ size: { workers: 1 } }, async ({ machines, work, front, ask, uidOf, link }) => {
    void work.work(front, 1);
    await work.post(front, "a", { ms: 5000 });
    await machines.clock.pass(10);
    const uid = await uidOf(1);
    assert.equal(await ask("claim", uid, one), "held");
    const node = front.cluster.state().nodes[0]?.id ?? "";
    const portion = encodePortion({ uid, of: "payload", at: 0, length: 1 });
    assert.equal((await link.request(subjects.front(node, "payload"), portion, 1000)).length, 0);
  }));

Deno.test("a job whose client has left is begun by no other machine, but the one that runs it may go on to its end", () =>
  scene({}, async ({ machines: { clock }, work, front, ask, uidOf, result, link }) => {
    const cancels: unknown[] = [];
    link.subscribe(
      subjects.executor(one, "cancel"),
      ({ data }) => cancels.push(decodeCancel(data)),
    );
    const posted = await work.post(front, "a");
    const uid = await uidOf(1);
    assert.equal(await ask("claim", uid, one), "run");
    posted.leave();
    await clock.pass(1100);
    assert.deepEqual(cancels, Array(3).fill({ uid, cause: "canceled" }), "it is said again");
    assert.equal(await ask("claim", uid, other, 2), "held");
    assert.equal(await ask("started", uid, one), "run");
    assert.equal(await result(uid, one), "taken");
    await clock.pass(1000);
    assert.equal(posted.answer?.kind, "ran");
  }));

Deno.test("a job whose client has left leaves when the machine that runs it is dead", () =>
  scene({}, async ({ machines: { clock }, work, front, ask, uidOf }) => {
    const posted = await work.post(front, "a");
    const uid = await uidOf(1);
    assert.equal(await ask("claim", uid, one), "run");
    posted.leave();
    await clock.pass(2900);
    assert.equal(posted.answers, 0);
    await clock.pass(600);
    assert.equal(posted.answer?.kind === "left" && posted.answer.cause, "canceled");
    assert.equal(await ask("claim", uid, other, 2), "gone");
  }));

Deno.test("the result of a machine that was thought to be dead is taken, and the run of the other one is ended", () =>
  scene({}, async ({ machines: { clock }, work, front, ask, uidOf, result, link }) => {
    const cancels: unknown[] = [];
    link.subscribe(
      subjects.executor(other, "cancel"),
      ({ data }) => cancels.push(decodeCancel(data)),
    );
    const posted = await work.post(front, "a");
    const uid = await uidOf(1);
    assert.equal(await ask("started", uid, one), "run");
    await clock.pass(4000);
    assert.equal(await ask("claim", uid, other, 2), "run");
    assert.equal(await result(uid, one), "taken");
    assert.equal(await result(uid, other), "gone");
    await clock.pass(1000);
    assert.deepEqual(cancels, [{ uid, cause: "canceled" }]);
    assert.equal(posted.answers, 1);
  }));

Deno.test("a result is also taken from a machine that could not say that it has begun", () =>
  scene({}, async ({ machines: { clock }, work, front, uidOf, result }) => {
    const posted = await work.post(front, "a");
    assert.equal(await result(await uidOf(1), one), "taken");
    await clock.pass(1000);
    assert.equal(posted.answer?.kind, "ran");
  }));

Deno.test("while a result is taken its job is not put into the queue again, although its message has left", async () => {
  const stored = Promise.withResolvers<void>();
  const host = { work: { write: () => stored.promise } };
  await scene({ host }, async ({ machines, work, front, ask, uidOf, result, link }) => {
    const posted = await work.post(front, "a");
    const uid = await uidOf(1);
    assert.equal(await ask("started", uid, one), "run");
    const answer = result(uid, one);
    const again = result(uid, one);
    await link.remove("JR1_test_default", 1);
    await machines.clock.pass(15_000);
    assert.equal((await machines.size()).messages, 0);
    stored.resolve();
    const late = result(uid, other);
    assert.deepEqual(await Promise.all([answer, again, late]), ["taken", "taken", "gone"]);
    await machines.clock.pass(1000);
    assert.equal(posted.answers, 1);
    assert.equal(work.begun.length, 0);
  });
});

Deno.test("a job whose message is gone is put into the queue again, and must be claimed then", () =>
  scene({}, async ({ machines, work, front, link }) => {
    await work.post(front, "a");
    await link.remove("JR1_test_default", 1);
    await machines.clock.pass(10_100);
    assert.equal((await machines.size()).messages, 1);
    const job = decodeJob(await link.read("JR1_test_default", 2));
    assert.equal(typeof job === "object" && job.claimFirst, true);
    await machines.clock.pass(30_000);
    assert.equal((await machines.size()).messages, 1, "once");
  }));

Deno.test("a job that was given back can be claimed by others, and that does not count as an attempt", () =>
  scene({ config: { attempts: 1 } }, async ({ work, front, ask, uidOf, link }) => {
    await work.post(front, "a");
    const uid = await uidOf(1);
    const node = front.cluster.state().nodes[0]?.id ?? "";
    for (let attempt = 1; attempt < 5; attempt++) {
      const by = attempt % 2 === 0 ? one : other;
      assert.equal(await ask("claim", uid, by, attempt), "run");
      const question = encodeQuestion({ uid, node: by, attempt });
      link.publish(subjects.front(node, "back"), question);
      await Promise.resolve();
    }
  }));

Deno.test("a question whose name is not known is ignored, whatever the name is", () =>
  scene({ size: { workers: 1 } }, async ({ machines, work, front, link }) => {
    const node = front.cluster.state().nodes[0]?.id ?? "";
    for (const verb of ["x", "constructor", "__proto__", "__defineGetter__"]) {
      for (const role of ["front", "exec"]) {
        link.publish(`jr1.test.${role}.${node}.${verb}`, new Uint8Array(), "answers");
      }
    }
    const posted = await work.post(front, "a");
    void work.work(front, 1);
    await machines.clock.pass(1000);
    assert.equal(posted.answer?.kind, "ran");
  }));

Deno.test("the message of a job that was answered leaves the queue, though its machine has died before it could say so", () =>
  scene({}, async ({ machines, work, front, ask, uidOf, result }) => {
    const posted = await work.post(front, "a");
    const uid = await uidOf(1);
    assert.equal(await ask("started", uid, one), "run");
    assert.equal(await result(uid, one), "taken");
    await machines.clock.pass(1500);
    assert.equal(posted.answer?.kind, "ran");
    assert.equal((await machines.size()).messages, 0);
  }));
