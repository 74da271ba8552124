import assert from "node:assert/strict";
import { jobFolderAt, makeJobFolder } from "../../src/spool/job_folder.ts";
import { filesIn, temporarySpool } from "../support/spool.ts";
import { nextTurn } from "../support/turn.ts";

Deno.test("makeJobFolder() makes a folder of mode 0700 with a name of its own", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const folders = [makeJobFolder(spool), makeJobFolder(spool)];
  for (const folder of folders) {
    assert.equal(folder.path, `${spool.path}/job-${folder.random}`);
    assert.equal((Deno.statSync(folder.path).mode ?? 0) & 0o777, 0o700);
  }
  assert.notEqual(folders[0]?.random, folders[1]?.random);
  for (const folder of folders) await folder.remove();
  assert.deepEqual(filesIn(spool.path), []);
});

Deno.test("jobFolderAt() finds a folder again, and remove() removes it with its content", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const made = makeJobFolder(spool);
  Deno.writeTextFileSync(`${made.path}/body`, "x");
  const found = jobFolderAt(spool, made.path);
  assert.equal(found.random, made.random);
  assert.ok(found.openAgain());
  await found.remove();
  assert.ok(!found.openAgain());
  assert.deepEqual(filesIn(spool.path), []);
});

Deno.test("jobFolderAt() throws for any path but that of a job's folder in its spool", () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const random = "0123456789abcdef";
  for (
    const path of [
      "/",
      spool.path,
      `${spool.path}/job-`,
      `${spool.path}/job-${random}0`,
      `${spool.path}/job-${random}/..`,
      `${spool.path}/../job-${random}`,
      `${spool.path}/x/job-${random}`,
      `/tmp/job-${random}`,
    ]
  ) assert.throws(() => jobFolderAt(spool, path), /must be the folder of a job/, path);
});

Deno.test("openAgain() restores a folder's mode, and does not touch anything else in its place", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  const modeOf = (path: string) => (Deno.statSync(path).mode ?? 0) & 0o777;
  const folder = makeJobFolder(spool);
  Deno.chmodSync(folder.path, 0o500);
  assert.ok(folder.openAgain());
  assert.equal(modeOf(folder.path), 0o700);
  const other = `${parent}/other`;
  Deno.mkdirSync(other);
  Deno.chmodSync(other, 0o755);
  Deno.removeSync(folder.path);
  Deno.symlinkSync(other, folder.path);
  assert.ok(!folder.openAgain());
  assert.equal(modeOf(other), 0o755);
  Deno.removeSync(folder.path);
  Deno.writeTextFileSync(folder.path, "");
  Deno.chmodSync(folder.path, 0o600);
  assert.ok(!folder.openAgain());
  assert.equal(modeOf(folder.path), 0o600);
  await folder.remove();
  Deno.removeSync(spool.path);
  Deno.writeTextFileSync(spool.path, "");
  assert.ok(!folder.openAgain(), "the folder cannot be read");
});

Deno.test("isInPlace() is true only while no link leads to the folder", () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  const folder = makeJobFolder(spool);
  // What the system calls the place of temporary files may itself be a link.
  assert.equal(folder.isInPlace(), Deno.realPathSync(parent) === parent);
  for (const path of [folder.path, spool.path]) {
    Deno.renameSync(path, `${parent}/away`);
    assert.ok(!folder.isInPlace());
    Deno.symlinkSync(`${parent}/away`, path);
    assert.ok(!folder.isInPlace());
    Deno.removeSync(path);
    Deno.renameSync(`${parent}/away`, path);
  }
});

Deno.test("remove() checks the spool first, unless that has just been done", async () => {
  using temporary = temporarySpool();
  let looks = 0;
  const spool = {
    ...temporary.spool,
    ensure: () => temporary.spool.ensure().then(() => void looks++),
  };
  await makeJobFolder(spool).remove();
  assert.equal(looks, 1);
  const checked = makeJobFolder(spool);
  checked.checked = true;
  await checked.remove();
  assert.equal(looks, 1);
  const damaged = makeJobFolder(spool);
  damaged.checked = true;
  Deno.removeSync(spool.path, { recursive: true });
  Deno.writeTextFileSync(spool.path, "");
  await damaged.remove();
  assert.equal(looks, 2, "it was damaged all the same");
  assert.deepEqual(filesIn(spool.path), []);
});

Deno.test("remove() tries twice, and leaves the rest to a later removal", async () => {
  using temporary = temporarySpool();
  let damages = 1;
  const spool = {
    ...temporary.spool,
    ensure: () => damages-- > 0 ? Promise.reject(new Error("damaged")) : temporary.spool.ensure(),
  };
  await makeJobFolder(spool).remove();
  assert.deepEqual(filesIn(spool.path), []);
  const left = makeJobFolder(spool);
  damages = 2;
  await assert.rejects(left.remove(), /damaged/);
  assert.deepEqual([...spool.leftovers], [left.path]);
  await makeJobFolder(spool).remove();
  assert.deepEqual([...spool.leftovers], []);
  const isThere = () => [...Deno.readDirSync(spool.path)].length > 0;
  while (isThere()) await nextTurn();
  spool.leftovers.add("/dev/null/unremovable");
  await makeJobFolder(spool).remove();
  while (spool.leftovers.size === 0) await nextTurn();
  assert.deepEqual([...spool.leftovers], ["/dev/null/unremovable"]);
});

Deno.test("remove() of a folder that holds much removes no file of it at once", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const folder = makeJobFolder(spool);
  const file = `${folder.path}/body`;
  Deno.writeTextFileSync(file, "x");
  Object.assign(folder, { checked: true, large: true });
  folder.files.push(file);
  const { removeSync } = Deno;
  Deno.removeSync = (path) => assert.fail(`${path} is removed at once`);
  try {
    await folder.remove();
  } finally {
    Deno.removeSync = removeSync;
  }
  assert.deepEqual(filesIn(spool.path), []);
});
