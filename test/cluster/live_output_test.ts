import assert from "node:assert/strict";
import type { JobHandle, StartedAt } from "../../src/jobs/job.ts";
import type { Lease } from "../../src/jobs/line.ts";
import { createMachines, type Machine, type Machines } from "../support/cluster.ts";
import { type GroupWork, groupWork } from "../support/group_work.ts";

const settleMs = 4000;

interface Scene {
  readonly machines: Machines;
  readonly work: GroupWork;
  readonly front: Machine;
  readonly executor: Machine;
}

async function scene(act: (scene: Scene) => Promise<void>, frontWorkers = 0): Promise<void> {
  using machines = createMachines();
  const work = groupWork(machines);
  const front = await machines.join({ workers: frontWorkers, places: 9 });
  const executor = await machines.join({ workers: 1 });
  await machines.clock.pass(settleMs);
  await act({ machines, work, front, executor });
}

/** What a client sees of a job. */
function client() {
  const seen: (string | StartedAt)[] = [];
  const handle: JobHandle = {
    onInputStored() {},
    onCaptured() {},
    onStarted: (worker) => void seen.push(worker),
    onOutput: (stream, bytes) => void seen.push(`${stream} ${new TextDecoder().decode(bytes)}`),
    onLost: (stream, bytes) => void seen.push(`${stream} lost ${bytes}`),
  };
  return { seen, handle };
}

function write(lease: Lease | undefined, text: string, stream: "stdout" | "stderr" = "stdout") {
  const memory = new TextEncoder().encode(text);
  lease?.handle?.onOutput?.(stream, memory);
  // The memory is used again.
  memory.fill(0);
}

function start(lease: Lease): void {
  lease.handle?.onStarted?.({ id: 3, pid: 77 });
}

Deno.test("output comes to the client in the order in which it was written, after the start and before the answer", () =>
  scene(async ({ machines, work, front, executor }) => {
    void work.work(executor, 1);
    const { seen, handle } = client();
    const posted = await work.post(front, "a", { keep: "data", handle, does: start, ms: 500 });
    void posted.over.then(() => seen.push("answer"));
    await machines.clock.pass(100);
    const lease = work.begun[0]?.lease;
    for (const [i, stream] of (["stdout", "stderr", "stdout"] as const).entries()) {
      write(lease, String(i), stream);
    }
    await machines.clock.pass(1000);
    const worker = { id: 3, pid: 77, node: executor.name };
    assert.deepEqual(seen, [worker, "stdout 0", "stderr 1", "stdout 2", "answer"]);
  }));

Deno.test("the start of a command on the machine of its client names that machine", () =>
  scene(async ({ machines, work, front }) => {
    void work.work(front, 1);
    const { seen, handle } = client();
    const posted = await work.post(front, "a", { keep: "data", handle, does: start });
    await machines.clock.pass(500);
    assert.deepEqual(seen, [{ id: 3, pid: 77, node: front.name }]);
    assert.equal(posted.answer?.kind === "ran" && posted.answer.result.node, front.name);
  }, 1));

Deno.test("output that was lost on its way is reported with its length, at the next output and at the end", () =>
  scene(async ({ machines, work, front, executor }) => {
    const { clock, server } = machines;
    void work.work(executor, 1);
    const { seen, handle } = client();
    await work.post(front, "a", { keep: "data", handle, ms: 2000 });
    await clock.pass(100);
    const lease = work.begun[0]?.lease;
    write(lease, "one");
    await clock.pass(10);
    server.cut(executor.link);
    write(lease, "two!");
    server.mend(executor.link);
    await clock.pass(10);
    write(lease, "three");
    await clock.pass(10);
    server.cut(front.link);
    write(lease, "lost", "stderr");
    server.mend(front.link);
    await clock.pass(3000);
    assert.deepEqual(seen, ["stdout one", "stdout lost 4", "stdout three", "stderr lost 4"]);
  }));

Deno.test("output beyond what may be on its way at once is dropped and reported, and the run does not wait", () =>
  scene(async ({ machines, work, front, executor }) => {
    void work.work(executor, 1);
    let [taken, lost] = [0, 0];
    const handle: JobHandle = {
      onInputStored() {},
      onCaptured() {},
      onOutput: (_, { length }) => void (taken += length),
      onLost: (_, bytes) => void (lost += bytes),
    };
    const posted = await work.post(front, "a", { keep: "data", handle, ms: 300 });
    await machines.clock.pass(100);
    const piece = new Uint8Array(700_000);
    for (let i = 0; i < 4; i++) work.begun[0]?.lease.handle?.onOutput?.("stdout", piece);
    await machines.clock.pass(1000);
    assert.equal(taken + lost, 4 * piece.length);
    assert.ok(taken >= piece.length && lost >= piece.length);
    assert.equal(posted.answer?.kind, "ran");
  }));

Deno.test("after a second run has begun, its output follows a second start, and what is missing of the result that counts is reported", () =>
  scene(async ({ machines, work, front, executor }) => {
    const { clock, server } = machines;
    void work.work(executor, 1);
    const { seen, handle } = client();
    await work.post(front, "a", { keep: "data", handle, does: start, ms: 12_000 });
    await clock.pass(100);
    write(work.begun[0]?.lease, "first");
    await clock.pass(10);
    server.cut(executor.link);
    const other = await machines.join({ workers: 1 });
    void work.work(other, 1);
    await clock.pass(6000);
    server.mend(executor.link);
    await clock.pass(10);
    write(work.begun[0]?.lease, "late");
    write(work.begun[1]?.lease, "second");
    await clock.pass(30_000);
    const [first, second] = work.begun;
    assert.ok(first?.endMs && second?.endMs);
    assert.ok(
      second.endMs - first.endMs < 1000,
      "the second run is ended when the first has a result",
    );
    assert.deepEqual(seen, [
      { id: 3, pid: 77, node: executor.name },
      "stdout first",
      { id: 3, pid: 77, node: other.name },
      "stdout second",
      "stdout lost 3",
    ]);
  }));

Deno.test("output in small pieces has a limit, too, while the front does not answer", () =>
  scene(async ({ machines: { clock, server }, work, front, executor }) => {
    void work.work(executor, 1);
    await work.post(front, "a", { keep: "data", ms: 300 });
    await clock.pass(100);
    server.cut(executor.link, "silent");
    const before = clock.timers;
    const handle = work.begun[0]?.lease.handle;
    for (let i = 0; i < 20_000; i++) handle?.onOutput?.("stdout", new Uint8Array(1));
    assert.ok(clock.timers - before < 5000);
  }));
