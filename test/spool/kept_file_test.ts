import assert from "node:assert/strict";
import { createKeptFile } from "../../src/spool/kept_file.ts";
import { largeFileBytes, smallFileBytes } from "../../src/spool/sizes.ts";
import { temporaryFolder } from "../support/folder.ts";
import { openFilesIn } from "../support/open_files.ts";
import { eventually } from "../support/processes.ts";

/** The file stays open, or is opened for each use, as on Windows. */
const bothWays = [true, false];

Deno.test("isReady() is true after renew(), until the file is changed, replaced or linked", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/file`;
  for (const staysOpen of bothWays) {
    const file = createKeptFile(path, staysOpen);
    const changes: readonly (() => void)[] = [
      () => file.write(new Uint8Array(1)),
      () => Deno.writeTextFileSync(path, "x"),
      () => Deno.removeSync(path),
      () => Deno.chmodSync(path, 0o640),
      () => Deno.linkSync(path, `${path}.second`),
      () => {
        Deno.renameSync(path, `${path}.first`);
        Deno.writeTextFileSync(path, "", { mode: 0o600 });
      },
      () => file.release(),
    ];
    assert.equal(file.isReady(), false, "it is not there yet");
    for (const change of changes) {
      await file.renew();
      assert.equal(file.isReady(), true, String(change));
      change();
      assert.equal(file.isReady(), false, String(change));
    }
    await file.renew();
    file.release();
    for (const name of ["file", "file.first", "file.second"]) {
      Deno.removeSync(`${folder.path}/${name}`);
    }
  }
  assert.deepEqual(openFilesIn(folder.path), []);
});

Deno.test("write() and fill() begin at the beginning each time", async () => {
  using folder = temporaryFolder();
  const file = createKeptFile(`${folder.path}/file`, true);
  for (const text of ["first", "second", "3"]) {
    await file.renew();
    file.write(new TextEncoder().encode(text));
    assert.equal(Deno.readTextFileSync(file.path), text);
    assert.equal(file.openSize(), text.length);
    for (let round = 0; round < 2; round++) {
      const bytes = new Uint8Array(10);
      assert.equal(await file.fill(bytes), text.length);
      assert.equal(new TextDecoder().decode(bytes.subarray(0, text.length)), text);
    }
  }
  file.release();
});

Deno.test("isEmpty() is true while the file is open and has no bytes", async () => {
  using folder = temporaryFolder();
  for (const staysOpen of bothWays) {
    const file = createKeptFile(`${folder.path}/${staysOpen}`, staysOpen);
    assert.equal(file.isEmpty(), false);
    await file.renew();
    assert.equal(file.isEmpty(), staysOpen);
    file.write(new Uint8Array(3));
    assert.equal(file.isEmpty(), false);
    await file.renew();
    Deno.removeSync(file.path);
    assert.equal(file.isEmpty(), staysOpen);
    file.release();
    assert.equal(file.isEmpty(), false);
  }
});

Deno.test("write() throws if something else is in the file's place, and does not change it", async () => {
  using folder = temporaryFolder();
  const file = createKeptFile(`${folder.path}/file`, false);
  await file.renew();
  Deno.renameSync(file.path, `${file.path}.first`);
  Deno.writeTextFileSync(file.path, "other");
  assert.throws(() => file.write(new Uint8Array(1)), /something else is in the file's place/);
  assert.equal(Deno.readTextFileSync(file.path), "other");
});

Deno.test("openSize() is undefined unless the file is open and at its path", async () => {
  using folder = temporaryFolder();
  for (const staysOpen of bothWays) {
    const file = createKeptFile(`${folder.path}/${staysOpen}`, staysOpen);
    assert.equal(file.openSize(), undefined);
    await file.renew();
    assert.equal(file.openSize(), staysOpen ? 0 : undefined);
    Deno.removeSync(file.path);
    assert.equal(file.openSize(), undefined);
    file.release();
    file.release();
  }
});

Deno.test("replace() puts a whole file in place at once; replaceBy() puts one there that is not written", async () => {
  using folder = temporaryFolder();
  for (const staysOpen of bothWays) {
    const file = createKeptFile(`${folder.path}/file`, staysOpen);
    await file.renew();
    const bytes = new Uint8Array(smallFileBytes + 1).fill(7);
    const sizes = new Set<number>();
    const replacing = file.replace(bytes).then(() => true);
    const nextLook = () => new Promise<false>((resolve) => setTimeout(resolve, 0, false));
    do sizes.add(Deno.lstatSync(file.path).size); while (
      !await Promise.race([replacing, nextLook()])
    );
    sizes.add(Deno.lstatSync(file.path).size);
    assert.deepEqual([...sizes], [0, bytes.length]);
    await file.renew();
    assert.equal(file.isReady(), true);
    Deno.writeTextFileSync(`${folder.path}/other`, "other");
    Deno.linkSync(`${folder.path}/other`, `${folder.path}/second`);
    file.replaceBy(`${folder.path}/other`);
    assert.equal(Deno.readTextFileSync(file.path), "other");
    await file.renew();
    file.write(new Uint8Array(1));
    assert.equal(Deno.readTextFileSync(`${folder.path}/second`), "other");
    file.release();
    assert.deepEqual(Array.from(Deno.readDirSync(folder.path), ({ name }) => name).sort(), [
      "file",
      "second",
    ]);
    Deno.removeSync(`${folder.path}/second`);
  }
  assert.deepEqual(openFilesIn(folder.path), []);
});

Deno.test("release() frees the space of a very large file in the background, if it has no name", async () => {
  using folder = temporaryFolder();
  const { truncate } = Deno.FsFile.prototype;
  let freed = 0;
  Deno.FsFile.prototype.truncate = function (length) {
    freed++;
    return truncate.call(this, length);
  };
  try {
    for (
      const [size, isRemoved, expected] of [
        [largeFileBytes + 1, true, 1],
        [largeFileBytes, true, 0],
        [largeFileBytes + 1, false, 0],
      ] as const
    ) {
      freed = 0;
      const file = createKeptFile(`${folder.path}/file`, true);
      await file.renew();
      Deno.truncateSync(file.path, size);
      if (isRemoved) Deno.removeSync(file.path);
      file.release();
      assert.equal(freed, expected);
      await eventually("it is closed", () => openFilesIn(folder.path).length === 0);
    }
  } finally {
    Object.assign(Deno.FsFile.prototype, { truncate });
  }
  assert.equal(Deno.statSync(`${folder.path}/file`).size, largeFileBytes + 1);
});

Deno.test("release() closes a file that cannot be looked at any more", async () => {
  using folder = temporaryFolder();
  const file = createKeptFile(`${folder.path}/file`, true);
  await file.renew();
  const { statSync } = Deno.FsFile.prototype;
  Deno.FsFile.prototype.statSync = () => {
    throw new Deno.errors.NotADirectory("a job has replaced its folder");
  };
  try {
    file.release();
  } finally {
    Object.assign(Deno.FsFile.prototype, { statSync });
  }
  assert.deepEqual(openFilesIn(folder.path), []);
});
