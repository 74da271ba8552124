import assert from "node:assert/strict";
import { pause } from "../../src/cluster/clock.ts";
import { decodeJob, encodePortion } from "../../src/cluster/codec.ts";
import { subjectsOf } from "../../src/cluster/names.ts";
import { type JobInput, type JobOutcome, type StoredFile } from "../../src/jobs/job.ts";
import { createMachines, type Machine, type Machines } from "../support/cluster.ts";
import { type GroupWork, groupWork } from "../support/group_work.ts";
import { type HostSetup, nothingInUse } from "../support/pool_host.ts";

const settleMs = 4000;

interface Scene {
  readonly machines: Machines;
  readonly work: GroupWork;
  /** The machine with the clients; it has no workers. */
  readonly front: Machine;
  readonly executor: Machine;
}

async function scene(
  setup: { readonly front?: HostSetup; readonly executor?: HostSetup },
  act: (scene: Scene) => Promise<void>,
): Promise<void> {
  using machines = createMachines();
  const work = groupWork(machines);
  const front = await machines.join({ workers: 0, places: 9 }, {}, setup.front);
  const executor = await machines.join({ workers: 2 }, {}, setup.executor);
  await machines.clock.pass(settleMs);
  void work.work(executor, 2);
  await act({ machines, work, front, executor });
  await machines.clock.pass(1000);
  assert.deepEqual(front.host.inUse, nothingInUse);
  assert.deepEqual(executor.host.inUse, nothingInUse);
  assert.equal((await machines.size()).messages, 0);
}

/** Bytes of which each differs from its neighbours, also over portions. */
function bytesOf(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).map((_, i) => i * 7 + (i >> 8));
}

function sourceOf(bytes: Uint8Array<ArrayBuffer>, lengths = [bytes.length]) {
  return {
    lengths,
    read: (at: number, length: number) => Promise.resolve(bytes.slice(at, at + length)),
  };
}

const inFile: JobInput = { kind: "file", folder: "/job", name: "body", length: 0 };
const inParts: JobInput = {
  kind: "parts",
  folder: "/job",
  name: "request",
  first: "001",
  length: 0,
};

function outputOf(answer: JobOutcome | undefined) {
  assert.ok(answer?.kind === "ran", JSON.stringify(answer));
  return answer.result.output;
}

const chunk = 512 * 1024;

for (const length of [0, 1, 65_535, 65_536, 65_537, chunk - 1, chunk, chunk + 1, 3 * chunk + 1]) {
  Deno.test(`a payload of ${length} bytes comes unchanged to another machine, and back as its output`, () =>
    scene({}, async ({ machines, work, front }) => {
      const bytes = bytesOf(length);
      const posted = await work.post(front, "a", {
        input: { kind: "bytes", bytes: bytes.slice() },
      });
      await machines.clock.pass(2000);
      assert.deepEqual(outputOf(posted.answer).bytes, bytes);
    }));

  Deno.test(`a file of ${length} bytes comes unchanged to another machine`, () => {
    const bytes = bytesOf(length);
    return scene(
      { front: { source: sourceOf(bytes) } },
      async ({ machines, work, front, executor }) => {
        const posted = await work.post(front, "a", { input: inFile });
        await machines.clock.pass(2000);
        assert.equal(posted.answer?.kind, "ran");
        assert.deepEqual(executor.host.files.get("body"), bytes);
      },
    );
  });
}

Deno.test("the files of a form, also empty ones, and their list come unchanged to another machine", () => {
  const list = JSON.stringify({ parts: ["é"] });
  const text = new TextEncoder().encode(list);
  const lengths = [0, chunk + 5, 0, 3, 0, text.length];
  const bytes = bytesOf(lengths.reduce((sum, length) => sum + length));
  bytes.set(text, bytes.length - text.length);
  return scene(
    { front: { source: sourceOf(bytes, lengths) } },
    async ({ machines, work, front, executor }) => {
      await work.post(front, "a", { input: inParts });
      await machines.clock.pass(2000);
      const { files } = executor.host;
      let at = 0;
      for (const [index, length] of lengths.slice(0, -1).entries()) {
        const name = String(index + 1).padStart(3, "0");
        assert.deepEqual(files.get(name), bytes.slice(at, at + length), name);
        at += length;
      }
      assert.deepEqual(files.get("parts.json"), text);
    },
  );
});

Deno.test("a payload whose transfer is broken off is transferred anew, and its job begins once", () => {
  const bytes = bytesOf(20 * chunk);
  let reads = 0;
  let machines: Machines | undefined;
  let executor: Machine | undefined;
  const source = {
    lengths: [bytes.length],
    read(at: number, length: number) {
      if (++reads === 7 && machines && executor) {
        machines.server.cut(executor.link);
        machines.server.mend(executor.link);
      }
      return Promise.resolve(bytes.slice(at, at + length));
    },
  };
  return scene({ front: { source } }, async (scene) => {
    ({ machines, executor } = scene);
    const posted = await scene.work.post(scene.front, "a", { input: inFile });
    await machines.clock.pass(15_000);
    assert.equal(posted.answer?.kind, "ran");
    assert.deepEqual(executor.host.files.get("body"), bytes);
    assert.ok(reads > 20);
    assert.equal(scene.work.begun.length, 1);
  });
});

Deno.test("a job whose client leaves during the transfer of its payload does not begin", () => {
  const bytes = bytesOf(4 * chunk);
  const read = Promise.withResolvers<void>();
  const source = {
    lengths: [bytes.length],
    read: (at: number, length: number) => read.promise.then(() => bytes.slice(at, at + length)),
  };
  return scene({ front: { source } }, async ({ machines, work, front }) => {
    const posted = await work.post(front, "a", { input: inFile });
    await machines.clock.pass(100);
    posted.leave();
    await machines.clock.pass(100);
    read.resolve();
    await machines.clock.pass(2000);
    assert.equal(posted.answers, 1);
    assert.deepEqual(work.begun, []);
  });
});

Deno.test("a machine that cannot store a payload gives the job back, and another one runs it", () => {
  const bytes = bytesOf(2 * chunk);
  const work = { write: () => Promise.reject(new Error("the disk is full")) };
  return scene(
    { front: { source: sourceOf(bytes) }, executor: { work, memory: 10 } },
    async ({ machines, work, front }) => {
      const file = await work.post(front, "file", { input: inFile });
      const large = await work.post(front, "bytes", {
        input: { kind: "bytes", bytes: bytes.slice() },
      });
      await machines.clock.pass(5000);
      assert.deepEqual(work.begun, []);
      const other = await machines.join({ workers: 1 });
      void work.work(other, 1);
      await machines.clock.pass(10_000);
      for (const { answer } of [file, large]) {
        assert.equal(answer?.kind === "ran" && answer.result.node, other.name);
      }
    },
  );
});

Deno.test("the memory of a payload is given back when another machine has run its job", () =>
  scene({}, async ({ machines, work, front }) => {
    const bytes = bytesOf(2 * chunk);
    let stored = 0;
    const posted = await work.post(front, "a", {
      input: { kind: "bytes", bytes },
      ms: 2000,
      handle: { onInputStored: () => void stored++, onCaptured() {} },
    });
    await machines.clock.pass(1000);
    assert.deepEqual([stored, bytes.length], [0, 2 * chunk]);
    await machines.clock.pass(3000);
    assert.equal(posted.answer?.kind, "ran");
    assert.deepEqual([stored, bytes.length], [1, 0]);
  }));

interface TestFile extends StoredFile {
  readonly closed: () => number;
}

function fileOf(bytes: Uint8Array<ArrayBuffer>, onRead: () => void = () => {}): TestFile {
  let closed = 0;
  return {
    length: bytes.length,
    read(at, into) {
      onRead();
      const piece = bytes.subarray(at, at + Math.min(into.length, 100_000));
      into.set(piece);
      return Promise.resolve(piece.length);
    },
    close: () => void closed++,
    closed: () => closed,
  };
}

function withFile(file: StoredFile, length: number) {
  return (usual: JobOutcome): JobOutcome => {
    assert.ok(usual.kind === "ran");
    const data = { bytes: new Uint8Array(), truncated: false, file };
    const error = { bytes: bytesOf(length), truncated: true };
    return { kind: "ran", result: { ...usual.result, data, error } };
  };
}

for (const length of [10, 200_000, 3 * chunk + 1]) {
  Deno.test(`a result with a file of ${length} bytes comes to the front, and the file is closed`, () =>
    scene({}, async ({ machines, work, front }) => {
      const bytes = bytesOf(length);
      const file = fileOf(bytes);
      const posted = await work.post(front, "a", { outcome: withFile(file, 7) });
      await machines.clock.pass(2000);
      assert.ok(posted.answer?.kind === "ran");
      const { data, error, output } = posted.answer.result;
      assert.deepEqual(data, { bytes, truncated: false });
      assert.deepEqual(error, { bytes: bytesOf(7), truncated: true });
      assert.deepEqual(output.bytes, new Uint8Array([1]));
      assert.equal(file.closed(), 1);
    }));
}

Deno.test("a result whose transfer is broken off comes when the connection is back, and is taken once", () =>
  scene({}, async ({ machines, work, front, executor }) => {
    for (const [index, machine] of [front, executor].entries()) {
      const bytes = bytesOf(20 * chunk);
      let reads = 0;
      const file = fileOf(bytes, () => {
        if (++reads !== 20) return;
        machines.server.cut(machine.link);
        machines.server.mend(machine.link);
      });
      const posted = await work.post(front, `job ${index}`, { outcome: withFile(file, 7) });
      await machines.clock.pass(5000);
      assert.ok(posted.answer?.kind === "ran");
      assert.deepEqual(posted.answer.result.data.bytes, bytes);
      assert.equal(file.closed(), 1);
    }
    assert.equal(work.begun.length, 2);
  }));

Deno.test("a result that cannot be read is answered as a failure", () =>
  scene({}, async ({ machines, work, front }) => {
    const file = { ...fileOf(bytesOf(10)), read: () => Promise.reject(new Error("I/O error")) };
    const posted = await work.post(front, "a", { outcome: withFile(file, 0) });
    await machines.clock.pass(2000);
    assert.equal(posted.answer?.kind === "failed" && posted.answer.failure.kind, "internal");
  }));

Deno.test("a payload that cannot be read is answered as a failure when its job enters", () => {
  const source = { lengths: [10], read: () => Promise.reject(new Error("I/O error")) };
  return scene({ front: { source } }, async ({ machines, work, front }) => {
    const posted = await work.post(front, "a", { input: inFile });
    await machines.clock.pass(100);
    assert.equal(posted.answer?.kind === "failed" && posted.answer.failure.kind, "spool_unusable");
  });
});

Deno.test("a payload that cannot be read when another machine fetches it is answered as a failure", () => {
  const source = { lengths: [100_000], read: () => Promise.reject(new Error("I/O error")) };
  return scene({ front: { source } }, async ({ machines, work, front }) => {
    const posted = await work.post(front, "a", { input: inFile });
    await machines.clock.pass(5000);
    assert.equal(posted.answer?.kind === "failed" && posted.answer.failure.kind, "spool_unusable");
    assert.deepEqual(work.begun, []);
  });
});

Deno.test("a question for more than the payload has no effect on the job", () => {
  const bytes = bytesOf(100_000);
  const loaded = Promise.withResolvers<void>();
  const source = {
    lengths: [bytes.length],
    async read(at: number, length: number) {
      if (at + length > bytes.length) throw new Error("the payload is shorter than that");
      await loaded.promise;
      return bytes.slice(at, at + length);
    },
  };
  return scene({ front: { source } }, async ({ machines, work, front }) => {
    const posted = await work.post(front, "a", { input: inFile });
    await machines.clock.pass(100);
    const link = machines.server.connect();
    const job = decodeJob(await link.read("JR1_test_default", 1));
    assert.ok(typeof job === "object");
    const { front: node, spec: { uid } } = job;
    const portion = encodePortion({ uid, of: "payload", at: 99_999, length: 2 });
    const answer = link.request(subjectsOf("test").front(node, "payload"), portion, 1000);
    assert.equal((await answer).length, 0);
    loaded.resolve();
    await machines.clock.pass(1000);
    assert.equal(posted.answer?.kind, "ran");
  });
});

Deno.test("a result is kept for as long as its front fetches it", () =>
  scene({}, async ({ machines: { clock }, work, front, executor }) => {
    const bytes = bytesOf(80 * chunk);
    const file = fileOf(bytes);
    const slow = {
      ...file,
      async read(at: number, into: Uint8Array<ArrayBuffer>) {
        if (at % chunk === 0) await pause(clock, 4500);
        return await file.read(at, into);
      },
    };
    const posted = await work.post(front, "a", { outcome: withFile(slow, 7) });
    await clock.pass(100_000);
    assert.ok(posted.answer?.kind === "ran");
    assert.deepEqual(posted.answer.result.data.bytes, bytes);
    assert.equal(file.closed(), 1);
    assert.equal(work.begun.length, 1);
    assert.ok(!executor.reported.some(([event]) => event === "unclaimed"));
  }));

Deno.test("what was kept of a result whose transfer is broken off does not count for its request", () =>
  scene({}, async ({ machines, work, front, executor }) => {
    const bytes = bytesOf(20 * chunk);
    let reads = 0;
    const file = fileOf(bytes, () => {
      if (++reads !== 100) return;
      machines.server.cut(executor.link);
      machines.server.mend(executor.link);
    });
    let captured = 0;
    let taken = 0;
    const posted = await work.post(front, "a", {
      outcome: withFile(file, 7),
      handle: {
        onInputStored() {},
        onCaptured: (more) => void (captured += more),
        disk: {
          takeBody: () => true,
          take: (more) => Boolean(taken += more),
          release() {},
        },
      },
    });
    await machines.clock.pass(5000);
    assert.equal(posted.answer?.kind, "ran");
    assert.deepEqual([captured, taken], [bytes.length + 8, bytes.length + 8]);
  }));

Deno.test("the queue timeout of a job goes on when machines that have no room give it back", async () => {
  using machines = createMachines();
  const { clock } = machines;
  const front = await machines.join({ workers: 0, places: 9, queueTimeoutMs: 5000 });
  const executor = await machines.join({ workers: 1 }, {}, { memory: 10 });
  await clock.pass(settleMs);
  const work = groupWork(machines);
  void work.work(executor, 1);
  const input = { kind: "bytes", bytes: bytesOf(2 * chunk) } as const;
  const posted = await work.post(front, "a", { input });
  await clock.pass(4500);
  assert.equal(posted.answers, 0);
  await clock.pass(1000);
  assert.equal(posted.answer?.kind === "left" && posted.answer.cause, "queue_timeout");
});
