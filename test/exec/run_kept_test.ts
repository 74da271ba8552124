import assert from "node:assert/strict";
import { run, type RunSettings } from "../../src/exec/run.ts";
import type { DiskShare } from "../../src/jobs/job.ts";
import { createStop } from "../../src/jobs/stop.ts";
import { createDisk } from "../../src/spool/disk.ts";
import type { Spool } from "../../src/spool/spool.ts";
import { specOf } from "../support/jobs.ts";
import { openFilesIn } from "../support/open_files.ts";
import { stubRunner } from "../support/stub_runner.ts";
import { filesIn, temporarySpool } from "../support/spool.ts";

/** Runs a job that keeps its outputs elsewhere than in memory; its response has `size` bytes. */
async function runKept(
  spool: Spool,
  keep: "disk" | "data",
  size: number,
  disk?: DiskShare,
  more: Partial<RunSettings> = {},
) {
  let captured = 0;
  const onCaptured = (bytes: number) => void (captured += bytes);
  const outcome = await run(
    {
      spec: specOf("i", { keep }),
      handle: { onInputStored() {}, onCaptured, ...(disk ? { disk } : {}) },
      stop: createStop(),
      workerId: 1,
      variables: {},
    },
    {
      spool,
      runner: stubRunner(spool, ({ files }) => {
        Deno.writeFileSync(files.responseFile, new Uint8Array(size).fill(7));
        const ending = { kind: "exited" as const, exitStatus: 0 };
        return Promise.resolve({ ok: true, ending, elapsedSec: 1, pid: 1 });
      }),
      maxOutputBytes: 10,
      maxResultBytes: Infinity,
      onLeftover: (error) => assert.fail(String(error)),
      ...more,
    },
    () => {},
  );
  assert.ok(outcome.ok);
  assert.deepEqual(filesIn(spool.path), []);
  return { data: outcome.data, captured };
}

Deno.test("run() leaves a large response in its file, whose size counts as disk space, unless its job keeps it in memory", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  for (const keep of ["disk", "data"] as const) {
    const disk = createDisk(100_000);
    const { data, captured } = await runKept(spool, keep, 100_000, disk.open());
    assert.deepEqual([data.file?.length, data.bytes.length, data.truncated], [100_000, 0, false]);
    assert.deepEqual([disk.held, captured], [100_000, 0]);
    const into = new Uint8Array(10);
    assert.equal(await data.file?.read(99_995, into), 5);
    assert.equal(into[0], 7);
    data.file?.close();
    const small = await runKept(spool, keep, 1000, disk.open());
    assert.deepEqual([small.data.file, small.data.bytes.length], [undefined, 1000]);
    assert.deepEqual([disk.held, small.captured], [100_000, 1000]);
  }
  assert.deepEqual(openFilesIn(spool.path), []);
});

Deno.test("run() truncates a response in a file at the limit of results, not of outputs in memory", async () => {
  using temporary = temporarySpool();
  const limits = { maxResultBytes: 80_000 };
  const disk = createDisk(80_000);
  const { data } = await runKept(temporary.spool, "disk", 100_000, disk.open(), limits);
  assert.deepEqual([data.file?.length, data.truncated], [80_000, true]);
  assert.equal(disk.held, 80_000);
  data.file?.close();
});

Deno.test("run() drops a response for which there is no disk space, and closes its file", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const disk = createDisk(99_999);
  const { data, captured } = await runKept(spool, "disk", 100_000, disk.open());
  assert.deepEqual(data, { bytes: new Uint8Array(), truncated: true });
  assert.deepEqual([disk.held, captured], [0, 0]);
  assert.deepEqual(openFilesIn(spool.path), []);
});
