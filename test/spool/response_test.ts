import assert from "node:assert/strict";
import { largeFileBytes } from "../../src/spool/sizes.ts";
import { createWorkspace } from "../../src/spool/workspace.ts";
import { isOpen, keepOpenFiles, openFilesIn } from "../support/open_files.ts";
import { eventually } from "../support/processes.ts";
import { filesIn, temporarySpool } from "../support/spool.ts";

const input = { kind: "bytes" as const, bytes: new Uint8Array([1]) };
const names = { workerId: 3, id: "i", requestSuffix: "", responseSuffix: "" };
const small = 64 * 1024;

function bytesOf(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).map((_, index) => index % 251);
}

Deno.test("openResponse() takes a small response into memory, and leaves a larger one in its open file", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  for (const size of [0, 1, small, small + 1, 3_000_000]) {
    const workspace = await createWorkspace(spool, input, names);
    Deno.writeFileSync(workspace.responseFile, bytesOf(size));
    const { data, message } = await workspace.openResponse(Infinity);
    assert.deepEqual([data.truncated, message], [false, undefined]);
    await workspace.remove();
    assert.deepEqual(filesIn(spool.path), []);
    if (size <= small) {
      assert.deepEqual([data.bytes, data.file], [bytesOf(size), undefined]);
    } else {
      assert.ok(data.file);
      assert.deepEqual([data.bytes.length, data.file.length], [0, size]);
      const end = new Uint8Array(10);
      assert.equal(await data.file.read(size - 5, end), 5);
      assert.deepEqual(end.subarray(0, 5), bytesOf(size).subarray(size - 5));
      data.file.close();
    }
    assert.deepEqual(openFilesIn(spool.path), []);
  }
});

Deno.test("openResponse() leaves a name outside the job's folder to a very large response until its close", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  for (const removable of [true, false]) {
    const workspace = await createWorkspace(spool, input, names);
    Deno.truncateSync(workspace.responseFile, largeFileBytes + 1);
    const { file } = (await workspace.openResponse(Infinity)).data;
    assert.ok(file);
    await workspace.remove();
    const [name = "", ...others] = filesIn(spool.path);
    assert.match(name, /^output-[0-9a-f]{16}$/);
    assert.deepEqual(others, []);
    assert.equal(await file.read(largeFileBytes, new Uint8Array(2)), 1);
    const path = `${spool.path}/${name}`;
    if (!removable) {
      Deno.removeSync(path);
      Deno.mkdirSync(`${path}/in/it`, { recursive: true });
    }
    file.close();
    assert.deepEqual(openFilesIn(spool.path), []);
    await eventually(
      "the name is gone, or left to a later removal",
      () => removable ? filesIn(spool.path).length === 0 : spool.leftovers.has(path),
    );
  }
  await (await createWorkspace(spool, input, names)).remove();
  await eventually("what was left is removed", () => filesIn(spool.path).length === 0);
});

Deno.test("remove() frees the space of a very large response in the background, however little of it was read", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const { removeSync } = Deno;
  const atOnce: unknown[] = [];
  Deno.removeSync = (path, options) => {
    atOnce.push(path);
    removeSync(path, options);
  };
  try {
    for (const read of ["readResponse", "openResponse"] as const) {
      const workspace = await createWorkspace(spool, input, names);
      Deno.truncateSync(workspace.responseFile, largeFileBytes + 1);
      const { data } = await workspace[read](10);
      assert.deepEqual([data.bytes.length, data.truncated], [10, true]);
      await workspace.remove();
      assert.ok(!atOnce.includes(workspace.responseFile), read);
    }
  } finally {
    Deno.removeSync = removeSync;
  }
  assert.deepEqual(filesIn(spool.path), []);
});

Deno.test("openResponse() cuts a response at the limit and marks it as truncated", async () => {
  using temporary = temporarySpool();
  const workspace = await createWorkspace(temporary.spool, input, names);
  Deno.writeFileSync(workspace.responseFile, bytesOf(200_000));
  for (const limit of [10, small, small + 1, 199_999, 200_000]) {
    const { data } = await workspace.openResponse(limit);
    assert.equal(data.file?.length ?? data.bytes.length, limit);
    assert.equal(data.file === undefined, limit <= small);
    assert.equal(data.truncated, limit < 200_000);
    if (data.file) assert.equal(await data.file.read(limit - 1, new Uint8Array(10)), 1);
    data.file?.close();
  }
  await workspace.remove();
});

Deno.test("openResponse() opens a renamed or deleted response, but no folder, link or FIFO", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  Deno.writeFileSync(`${parent}/secret`, bytesOf(100_000));
  const notRegular = "the response file is not a regular file and was not read";
  const cases: [string, (path: string) => unknown, number | undefined, string | undefined][] = [
    [
      "renamed over",
      (path) => {
        Deno.writeFileSync(`${path}.new`, bytesOf(100_000));
        Deno.renameSync(`${path}.new`, path);
      },
      100_000,
      undefined,
    ],
    ["deleted", () => {}, undefined, undefined],
    ["a folder", (path) => Deno.mkdirSync(path), undefined, notRegular],
    ["a link", (path) => Deno.symlinkSync(`${parent}/secret`, path), undefined, notRegular],
    [
      "a FIFO",
      (path) => new Deno.Command("mkfifo", { args: [path] }).outputSync(),
      undefined,
      notRegular,
    ],
  ];
  for (const [name, change, length, message] of cases) {
    const workspace = await createWorkspace(spool, input, names);
    Deno.removeSync(workspace.responseFile);
    change(workspace.responseFile);
    const response = await workspace.openResponse(Infinity);
    assert.equal(response.data.file?.length, length, name);
    assert.equal(response.data.bytes.length, 0, name);
    assert.equal(response.message, message, name);
    response.data.file?.close();
    await workspace.remove();
    assert.deepEqual(filesIn(spool.path), [], name);
  }
  assert.deepEqual(openFilesIn(parent), []);
});

Deno.test("openResponse() reports a response that was lost with the job's folder, and a damaged spool", async () => {
  using temporary = temporarySpool();
  let damaged = false;
  const spool = {
    ...temporary.spool,
    ensure: () => damaged ? Promise.reject(new Error("damaged")) : temporary.spool.ensure(),
  };
  const workspace = await createWorkspace(spool, input, names);
  Deno.writeFileSync(workspace.responseFile, bytesOf(100_000));
  damaged = true;
  assert.equal(
    (await workspace.openResponse(Infinity)).message,
    "the response file could not be read: the server's folder is damaged",
  );
  damaged = false;
  Deno.removeSync(workspace.folder, { recursive: true });
  const { data, message } = await workspace.openResponse(Infinity);
  assert.deepEqual([data.bytes.length, data.file], [0, undefined]);
  assert.match(message ?? "", /^the job's folder was removed or replaced/);
});

Deno.test("a response that is open is removed at its close if its folder could not be removed before", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const workspace = await createWorkspace(spool, input, names);
  Deno.writeFileSync(workspace.responseFile, bytesOf(100_000));
  const { data } = await workspace.openResponse(Infinity);
  using _kept = keepOpenFiles();
  await assert.rejects(workspace.remove(), /it is open/);
  assert.ok(isOpen(workspace.responseFile));
  const gone = Deno.watchFs(spool.path);
  data.file?.close();
  for await (const { kind, paths } of gone) {
    if (kind === "remove" && paths.includes(workspace.folder)) break;
  }
  assert.deepEqual(filesIn(spool.path), []);
});
