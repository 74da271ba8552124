import assert from "node:assert/strict";
import fc from "fast-check";
import { createStoredCaptures, noCaptures } from "../../src/exec/stored_capture.ts";
import type { Captured, DiskShare } from "../../src/jobs/job.ts";
import { createDisk } from "../../src/spool/disk.ts";
import { createOutputFile } from "../../src/spool/stored.ts";
import { fullDisk, noSpace } from "../support/full_disk.ts";
import { openFilesIn } from "../support/open_files.ts";
import { filesIn, temporarySpool } from "../support/spool.ts";

const small = 64 * 1024;

function bytesOf(length: number, seed = 0): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).map((_, index) => (index + (index >> 8) + seed) % 251);
}

/** All bytes of a capture, whose file is closed. */
async function contentOf({ bytes, file }: Captured): Promise<Uint8Array> {
  if (!file) return bytes;
  assert.equal(bytes.length, 0);
  const content = new Uint8Array(file.length);
  for (let at = 0; at < file.length;) at += await file.read(at, content.subarray(at));
  file.close();
  return content;
}

/** Captures in a spool of their own; disposing of them checks that no file is left, open or not. */
function captures(limit: number, disk?: DiskShare) {
  const temporary = temporarySpool();
  const { spool } = temporary;
  const counts = { kept: 0, created: 0 };
  const all = createStoredCaptures({
    limit,
    disk,
    createFile() {
      counts.created++;
      return createOutputFile(spool);
    },
    onKept: (bytes) => void (counts.kept += bytes),
  });
  return {
    all,
    counts,
    spool,
    write: async (kind: "stdout" | "stderr", bytes: Uint8Array<ArrayBuffer>) =>
      await all.onEvent({ kind, bytes }),
    [Symbol.dispose]() {
      const [left, open] = [filesIn(spool.path), openFilesIn(spool.path)];
      temporary[Symbol.dispose]();
      assert.deepEqual([left, open], [[], []]);
    },
  };
}

Deno.test("createStoredCaptures() keeps the beginning of each stream up to the limit, in memory or in a file", async () => {
  const size = fc.oneof(fc.nat({ max: 100 }), fc.constantFrom(30_000, small - 1, small, small + 1));
  const pieces = fc.array(
    fc.record({
      kind: fc.constantFrom("stdout" as const, "stderr" as const),
      size: size.map((bytes) => bytes + 1),
    }),
    { maxLength: 8 },
  );
  const limits = fc.constantFrom(0, 10, small - 1, small, small + 1, 150_000, Infinity);
  await fc.assert(
    fc.asyncProperty(pieces, limits, async (events, limit) => {
      using captured = captures(limit);
      const all = { stdout: [] as number[], stderr: [] as number[] };
      for (const [index, { kind, size }] of events.entries()) {
        const memory = bytesOf(size, index);
        all[kind].push(...memory);
        await captured.write(kind, memory);
        memory.fill(255);
      }
      let inMemory = 0;
      for (const kind of ["stdout", "stderr"] as const) {
        const result = kind === "stdout" ? captured.all.output() : captured.all.error();
        const expected = all[kind].slice(0, limit);
        assert.equal(result.file === undefined, expected.length <= small);
        inMemory += result.file ? 0 : expected.length;
        assert.equal(result.truncated, all[kind].length > limit);
        const content = await contentOf(result);
        assert.equal(content.length, expected.length);
        assert.ok(content.every((byte, at) => byte === expected[at]), kind);
      }
      assert.equal(captured.counts.kept, inMemory);
    }),
    { numRuns: 60 },
  );
});

Deno.test("createStoredCaptures() keeps little output without waiting, and reports how much is in memory", () => {
  using captured = captures(Infinity);
  assert.equal(captured.all.onEvent({ kind: "stdout", bytes: bytesOf(small) }), undefined);
  assert.equal(captured.all.onEvent({ kind: "stderr", bytes: bytesOf(5) }), undefined);
  assert.deepEqual(captured.counts, { kept: small + 5, created: 0 });
});

Deno.test("createStoredCaptures() takes the disk space of what it writes, and drops the rest where there is none", async () => {
  const disk = createDisk(250_000);
  const share = disk.open();
  using captured = captures(Infinity, share);
  await captured.write("stderr", bytesOf(small));
  assert.equal(disk.held, 0, "it is in memory");
  await captured.write("stdout", bytesOf(100_000));
  assert.equal(disk.held, 100_000);
  await captured.write("stdout", bytesOf(150_001));
  await captured.write("stdout", bytesOf(1));
  assert.equal(disk.held, 100_000, "nothing follows what was dropped");
  const output = captured.all.output();
  assert.ok(output.truncated);
  assert.deepEqual(await contentOf(output), bytesOf(100_000));
  await captured.write("stderr", bytesOf(50_000));
  const error = captured.all.error();
  assert.equal(error.truncated, false);
  assert.equal((await contentOf(error)).length, small + 50_000);
  assert.equal(disk.held, 100_000 + small + 50_000);
});

Deno.test("createStoredCaptures() keeps what fits into memory if there is no disk space for more", async () => {
  using captured = captures(Infinity, createDisk(0).open());
  await captured.write("stdout", bytesOf(40_000));
  await captured.write("stdout", bytesOf(40_000));
  await captured.write("stdout", bytesOf(10));
  const { bytes, file, truncated } = captured.all.output();
  assert.deepEqual([bytes.length, file, truncated], [small, undefined, true]);
  assert.deepEqual(bytes.subarray(40_000), bytesOf(40_000).subarray(0, small - 40_000));
  assert.deepEqual(captured.counts, { kept: small, created: 0 });
});

Deno.test("createStoredCaptures() drops what cannot be written, and all that follows, but not what was", async () => {
  using captured = captures(Infinity);
  await captured.write("stdout", bytesOf(100_000));
  {
    using _full = fullDisk();
    await captured.write("stdout", bytesOf(100_000));
    await captured.write("stderr", bytesOf(70_000));
  }
  await captured.write("stdout", bytesOf(10));
  await captured.write("stderr", bytesOf(10));
  const [output, error] = [captured.all.output(), captured.all.error()];
  assert.deepEqual([output.truncated, error.truncated], [true, true]);
  assert.deepEqual(await contentOf(output), bytesOf(100_000));
  assert.deepEqual(error.bytes, bytesOf(small));
  assert.equal(error.file, undefined);
});

Deno.test("createStoredCaptures() keeps what fits into memory if no file can be made", async () => {
  const all = createStoredCaptures({
    limit: Infinity,
    disk: undefined,
    createFile: () => Promise.reject(noSpace()),
    onKept() {},
  });
  await all.onEvent({ kind: "stdout", bytes: bytesOf(100_000) });
  assert.deepEqual(all.output(), { bytes: bytesOf(small), truncated: true });
});

Deno.test("createStoredCaptures() returns a promise that resolves when the piece is written", async () => {
  const written = Promise.withResolvers<void>();
  const sizes: number[] = [];
  const all = createStoredCaptures({
    limit: Infinity,
    disk: undefined,
    createFile: () =>
      Promise.resolve({
        length: 0,
        write(bytes) {
          sizes.push(bytes.length);
          return sizes.length === 2 ? written.promise : Promise.resolve();
        },
        stored: () => assert.fail("it is not asked for"),
        close() {},
      }),
    onKept() {},
  });
  await all.onEvent({ kind: "stdout", bytes: bytesOf(10) });
  const writing = all.onEvent({ kind: "stdout", bytes: bytesOf(small) });
  let done = false;
  const seen = Promise.resolve(writing).then(() => void (done = true));
  while (sizes.length < 2) await Promise.resolve();
  assert.equal(done, false);
  written.resolve();
  await seen;
  assert.deepEqual(sizes, [10, small]);
});

Deno.test("close() of stored captures closes every file, also of a result and of a write that is on its way", async () => {
  for (const moment of ["before", "during", "after"] as const) {
    using captured = captures(Infinity);
    await captured.write("stderr", bytesOf(100_000));
    if (moment === "before") captured.all.close();
    const writing = captured.write("stdout", bytesOf(100_000));
    if (moment === "during") captured.all.close();
    await writing;
    if (moment === "after") {
      captured.all.output();
      captured.all.close();
    }
    await captured.write("stdout", bytesOf(100_000));
    assert.deepEqual(openFilesIn(captured.spool.path), [], moment);
    captured.all.close();
    assert.equal(captured.counts.created, moment === "before" ? 1 : 2);
    assert.equal(captured.counts.kept, 0);
  }
});

Deno.test("noCaptures keeps nothing, and does not count that as truncated", () => {
  assert.equal(noCaptures.onEvent({ kind: "stdout", bytes: bytesOf(10) }), undefined);
  for (const captured of [noCaptures.output(), noCaptures.error()]) {
    assert.deepEqual(captured, { bytes: new Uint8Array(), truncated: false });
  }
  noCaptures.close();
});
