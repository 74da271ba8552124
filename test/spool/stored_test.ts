import assert from "node:assert/strict";
import { openSync } from "node:fs";
import { makeJobFolder } from "../../src/spool/job_folder.ts";
import { createOutputFile, storedFile } from "../../src/spool/stored.ts";
import { largeFileBytes } from "../../src/spool/sizes.ts";
import type { StoredFile } from "../../src/jobs/job.ts";
import { temporaryFolder } from "../support/folder.ts";
import { isOpen, openFilesIn } from "../support/open_files.ts";
import { filesIn, temporarySpool } from "../support/spool.ts";
import { nextTurn } from "../support/turn.ts";

const bytes = new Uint8Array(1000).map((_, index) => index % 251);

/** Files to read with the same content, however they came about, each under a path that tells whether it is open. */
async function* storedFiles(length = bytes.length) {
  using folder = temporaryFolder();
  const path = `${folder.path}/file`;
  Deno.writeFileSync(path, bytes);
  let closed = 0;
  const file = storedFile(openSync(path, "r"), length, () => void closed++);
  yield { file, isOpen: () => isOpen(path) };
  file.close();
  assert.equal(closed, 1);
  using temporary = temporarySpool();
  const { spool } = temporary;
  const output = await createOutputFile(spool);
  await output.write(bytes.slice(0, length));
  const stored = output.stored();
  yield { file: stored, isOpen: () => openFilesIn(spool.path).length > 0 };
  stored.close();
}

async function read(file: StoredFile, at: number, length: number): Promise<number[]> {
  const into = new Uint8Array(length);
  return [...into.subarray(0, await file.read(at, into))];
}

Deno.test("a stored file is read from any position, also in several places at once", async () => {
  for await (const { file } of storedFiles()) {
    assert.equal(file.length, 1000);
    assert.deepEqual(await read(file, 990, 5), [...bytes.subarray(990, 995)]);
    assert.deepEqual(await read(file, 0, 3), [0, 1, 2]);
    const places = Array.from({ length: 100 }, (_, index) => (index * 37) % 990);
    const pieces = await Promise.all(places.map((at) => read(file, at, 10)));
    for (const [index, at] of places.entries()) {
      assert.deepEqual(pieces[index], [...bytes.subarray(at, at + 10)], `at ${at}`);
    }
  }
});

Deno.test("a stored file is not read beyond its length, and at its end 0 bytes are read", async () => {
  for await (const { file } of storedFiles(10)) {
    assert.equal(file.length, 10);
    assert.deepEqual(await read(file, 8, 100), [8, 9]);
    assert.deepEqual(await read(file, 10, 100), []);
    assert.deepEqual(await read(file, 11, 100), []);
  }
});

Deno.test("a stored file that has become shorter is read to its end", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/file`;
  Deno.writeFileSync(path, bytes);
  const file = storedFile(openSync(path, "r"), bytes.length, () => {});
  Deno.truncateSync(path, 3);
  assert.deepEqual(await read(file, 0, 100), [0, 1, 2]);
  assert.deepEqual(await read(file, 3, 100), []);
  file.close();
});

Deno.test("close() of a stored file closes it at once, is idempotent, and no read follows", async () => {
  for await (const { file, isOpen } of storedFiles()) {
    assert.ok(isOpen());
    file.close();
    assert.equal(isOpen(), false);
    file.close();
    await assert.rejects(read(file, 0, 1), /it is closed/);
  }
});

Deno.test("close() of a stored file that is being read waits for that read, and no other one begins", async () => {
  for await (const { file, isOpen } of storedFiles()) {
    const [first, second] = [read(file, 1, 2), read(file, 3, 2)];
    // The first read has begun.
    await Promise.resolve();
    file.close();
    file.close();
    assert.ok(isOpen(), "a read is using the descriptor");
    await assert.rejects(second, /it is closed/);
    assert.deepEqual(await first, [1, 2]);
    assert.equal(isOpen(), false);
  }
});

Deno.test("createOutputFile() makes a growing file without a name, also in a spool that was lost", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  Deno.removeSync(spool.path);
  const output = await createOutputFile(spool);
  assert.deepEqual(filesIn(spool.path), []);
  const memory = bytes.slice();
  await output.write(memory);
  memory.fill(255);
  await output.write(new Uint8Array([255]));
  assert.equal(output.length, 1001);
  const file = output.stored();
  output.close();
  assert.equal(file.length, 1001);
  assert.deepEqual(await read(file, 0, 1000), [...bytes]);
  assert.deepEqual(await read(file, 999, 10), [999 % 251, 255]);
  file.close();
  assert.deepEqual(openFilesIn(spool.path), []);
});

Deno.test("createOutputFile() makes its file with mode 0600 and a name of its own", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const names = new Set<string>();
  for (let i = 0; i < 2; i++) {
    const output = await createOutputFile(spool, (path) => {
      assert.equal((Deno.lstatSync(path).mode ?? 0) & 0o777, 0o600);
      names.add(path.replace(spool.path, ""));
      Deno.removeSync(path);
    });
    output.close();
  }
  assert.equal(names.size, 2);
  for (const name of names) assert.match(name, /^\/output-[0-9a-f]{16}$/);
});

Deno.test("close() of an output file closes it, once", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const output = await createOutputFile(spool);
  output.close();
  output.close();
  assert.deepEqual(openFilesIn(spool.path), []);
});

Deno.test("write() of an output file counts what was written before it failed", async () => {
  using temporary = temporarySpool();
  const output = await createOutputFile(temporary.spool);
  const { write } = Deno.FsFile.prototype;
  let calls = 0;
  Deno.FsFile.prototype.write = function (bytes) {
    return calls++ === 0
      ? write.call(this, bytes.subarray(0, 3))
      : Promise.reject(new Error("full"));
  };
  try {
    await assert.rejects(output.write(bytes), /full/);
  } finally {
    Deno.FsFile.prototype.write = write;
  }
  const file = output.stored();
  assert.equal(file.length, 3);
  assert.deepEqual(await read(file, 0, 100), [0, 1, 2]);
  file.close();
});

/** Removes a file only if it is not open, as on Windows. */
function unlinkClosed(path: string): void {
  if (isOpen(path)) throw new Error("it is open");
  Deno.removeSync(path);
}

Deno.test("an output file whose name could not be removed loses it at its close", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const output = await createOutputFile(spool, unlinkClosed);
  assert.equal(filesIn(spool.path).length, 1);
  output.close();
  assert.deepEqual(filesIn(spool.path), []);
  const other = await createOutputFile(spool, unlinkClosed);
  other.stored().close();
  assert.deepEqual(filesIn(spool.path), []);
});

Deno.test("an output file that cannot be removed at all is removed with the folder of a job", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const output = await createOutputFile(spool, () => {
    throw new Error("never");
  });
  output.close();
  const [name] = filesIn(spool.path);
  assert.deepEqual([...spool.leftovers], [`${spool.path}/${name}`]);
  const gone = Deno.watchFs(spool.path);
  await makeJobFolder(spool).remove();
  for await (const { kind, paths } of gone) {
    if (kind === "remove" && paths.some((path) => path.endsWith(`${name}`))) break;
  }
  assert.deepEqual(filesIn(spool.path), []);
});

Deno.test("close() of a large output file frees its blocks before the file is closed", async () => {
  using temporary = temporarySpool();
  const { path } = temporary.spool;
  const output = await createOutputFile(temporary.spool);
  await output.write(new Uint8Array(largeFileBytes));
  const [descriptor] = [...Deno.readDirSync("/proc/self/fd")].map(({ name }) =>
    `/proc/self/fd/${name}`
  ).filter((name) => linkAt(name)?.startsWith(path));
  using other = Deno.openSync(descriptor ?? "");
  const stored = output.stored();
  stored.close();
  stored.close();
  while (openFilesIn(path).length > 1) await nextTurn();
  assert.equal(other.statSync().size, 0);
});

function linkAt(path: string): string | undefined {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return undefined;
  }
}
