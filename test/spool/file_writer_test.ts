import assert from "node:assert/strict";
import fc from "fast-check";
import { DiskFullError } from "../../src/spool/disk_full.ts";
import { createFileWriter } from "../../src/spool/file_writer.ts";
import { temporaryFolder } from "../support/folder.ts";
import { fullDisk } from "../support/full_disk.ts";
import { isOpen } from "../support/open_files.ts";

const mebibyte = 2 ** 20;

/** Bytes that differ from place to place. */
function bytesOf(length: number, seed = 0): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).map((_, index) => (index * 7 + (index >> 8) + seed) % 251);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(pieces.flatMap((piece) => [...piece]));
}

/** Sizes of the asynchronous writes into files while `act` runs. */
async function writesOf(act: () => Promise<void>): Promise<number[]> {
  const { write } = Deno.FsFile.prototype;
  const sizes: number[] = [];
  Deno.FsFile.prototype.write = function (bytes) {
    sizes.push(bytes.length);
    return write.call(this, bytes);
  };
  try {
    await act();
  } finally {
    Deno.FsFile.prototype.write = write;
  }
  return sizes;
}

Deno.test("createFileWriter() writes every byte, whatever the pieces and the expected length", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/file`;
  const length = fc.oneof(
    fc.nat({ max: 5000 }),
    fc.constantFrom(65_536, 300_000, mebibyte - 1, mebibyte, 2 * mebibyte + 1),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(length, { maxLength: 6 }),
      fc.constantFrom(0, 1, 5000, mebibyte, 10 * mebibyte),
      async (lengths, expected) => {
        const pieces = lengths.map(bytesOf);
        const writer = createFileWriter(path, expected);
        for (const piece of pieces) {
          const memory = piece.slice();
          await writer.write(memory);
          memory.fill(255);
        }
        const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
        assert.equal(writer.length, total);
        await writer.end();
        const written = Deno.readFileSync(path);
        Deno.removeSync(path);
        assert.equal(written.length, total);
        let at = 0;
        for (const piece of pieces) {
          assert.ok(
            piece.every((byte, index) => written[at + index] === byte),
            `after ${at} bytes`,
          );
          at += piece.length;
        }
      },
    ),
    { numRuns: 40 },
  );
});

Deno.test("createFileWriter() gathers small pieces into writes of a mebibyte", async () => {
  using folder = temporaryFolder();
  const piece = bytesOf(65_536);
  for (const expected of [0, 2.5 * mebibyte]) {
    const sizes = await writesOf(async () => {
      const writer = createFileWriter(`${folder.path}/${expected}`, expected);
      for (let i = 0; i < 40; i++) await writer.write(piece);
      await writer.end();
    });
    assert.deepEqual(sizes, [mebibyte, mebibyte, mebibyte / 2]);
  }
});

Deno.test("end() of a writer writes a small file with one synchronous write, and a larger one without blocking", async () => {
  using folder = temporaryFolder();
  for (const [size, writes] of [[256 * 1024, 0], [256 * 1024 + 1, 1]] as const) {
    const sizes = await writesOf(async () => {
      const writer = createFileWriter(`${folder.path}/${size}`, 0);
      await writer.write(bytesOf(size));
      await writer.end();
    });
    assert.equal(sizes.length, writes, String(size));
    assert.deepEqual(Deno.readFileSync(`${folder.path}/${size}`), bytesOf(size));
  }
});

Deno.test("createFileWriter() makes a file with mode 0600 and its name, only where nothing is", () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/file`;
  const writer = createFileWriter(path, 0);
  assert.equal(writer.name, "file");
  assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
  writer.close();
  assert.throws(() => createFileWriter(path, 0), Deno.errors.AlreadyExists);
  Deno.symlinkSync(`${folder.path}/target`, `${folder.path}/link`);
  assert.throws(() => createFileWriter(`${folder.path}/link`, 0), Deno.errors.AlreadyExists);
  assert.throws(() => Deno.lstatSync(`${folder.path}/target`), Deno.errors.NotFound);
});

Deno.test("a writer rejects with a DiskFullError when the disk is full, and end() closes its file", async () => {
  using folder = temporaryFolder();
  using _full = fullDisk();
  for (const size of [1, mebibyte - 1]) {
    const path = `${folder.path}/${size}`;
    const writer = createFileWriter(path, 0);
    await writer.write(bytesOf(size));
    await assert.rejects(writer.end(), DiskFullError);
    assert.equal(isOpen(path), false);
  }
  for (const size of [mebibyte, 3 * mebibyte]) {
    const path = `${folder.path}/${size}`;
    const writer = createFileWriter(path, 0);
    await assert.rejects(writer.write(bytesOf(size)), DiskFullError);
    writer.close();
    assert.equal(isOpen(path), false);
  }
});

Deno.test("a writer continues after a write that was cut short", async () => {
  using folder = temporaryFolder();
  const { write, writeSync } = Deno.FsFile.prototype;
  Deno.FsFile.prototype.write = function (bytes) {
    return write.call(this, bytes.subarray(0, 1 + bytes.length / 2));
  };
  Deno.FsFile.prototype.writeSync = function (bytes) {
    return writeSync.call(this, bytes.subarray(0, 1 + bytes.length / 2));
  };
  try {
    for (const size of [1000, 1_500_000]) {
      const writer = createFileWriter(`${folder.path}/${size}`, size);
      await writer.write(bytesOf(size / 2));
      await writer.write(bytesOf(size / 2, 1));
      await writer.end();
      assert.deepEqual(
        Deno.readFileSync(`${folder.path}/${size}`),
        joined([bytesOf(size / 2), bytesOf(size / 2, 1)]),
      );
    }
  } finally {
    Object.assign(Deno.FsFile.prototype, { write, writeSync });
  }
});

Deno.test("close() of a writer writes nothing that is left, and is idempotent", async () => {
  using folder = temporaryFolder();
  const writer = createFileWriter(`${folder.path}/file`, 10);
  await writer.write(bytesOf(5));
  writer.close();
  writer.close();
  assert.equal(Deno.statSync(`${folder.path}/file`).size, 0);
  assert.equal(isOpen(`${folder.path}/file`), false);
});
