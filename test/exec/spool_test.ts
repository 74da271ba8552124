import assert from "node:assert/strict";
import {
  findDeadSpools,
  isMarkIn,
  isUnfinished,
  newSpoolPath,
  openSpool,
  removeSpool,
} from "../../src/exec/spool.ts";
import { temporaryFolder } from "../support/folder.ts";

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
}

/** Removes what is dead and says what that was. */
function clearDeadSpools(parent: string, now?: number): string[] {
  using dead = findDeadSpools(parent, now);
  for (const path of dead.paths) removeSpool(path);
  return [...dead.paths];
}

Deno.test("a spool is ours alone, holds a lock, and is gone when closed", () => {
  using folder = temporaryFolder();
  const spool = openSpool(newSpoolPath(folder.path));
  assert.equal((Deno.statSync(spool.path).mode ?? 0) & 0o777, 0o700);
  assert.deepEqual(names(spool.path), ["lock"]);
  spool.close();
  spool.close();
  assert.deepEqual(names(folder.path), []);
});

Deno.test("a living spool is left alone, a dead one is cleared", () => {
  using folder = temporaryFolder();
  const living = openSpool(newSpoolPath(folder.path));
  const dead = newSpoolPath(folder.path);
  Deno.mkdirSync(dead);
  Deno.writeTextFileSync(`${dead}/lock`, "");
  Deno.writeTextFileSync(`${dead}/jobdata_w_1_id_x_req_0`, "payload");
  assert.deepEqual(clearDeadSpools(folder.path), [dead]);
  assert.deepEqual(names(folder.path), [living.path.slice(folder.path.length + 1)]);
  assert.deepEqual(clearDeadSpools(folder.path), []);
  living.close();
});

Deno.test("a spool that is just being made is left alone for a minute", () => {
  using folder = temporaryFolder();
  const young = newSpoolPath(folder.path);
  Deno.mkdirSync(young);
  assert.deepEqual(clearDeadSpools(folder.path), []);
  assert.deepEqual(clearDeadSpools(folder.path, Date.now() + 61_000), [young]);
});

Deno.test("what only looks like a spool is left alone", () => {
  using folder = temporaryFolder();
  const before = ["jobrunner-0123456789abcde", "jobrunner-0123456789ABCDEF", "other"];
  for (const name of before) Deno.mkdirSync(`${folder.path}/${name}`);
  Deno.mkdirSync(`${folder.path}/target`);
  Deno.symlinkSync(`${folder.path}/target`, `${folder.path}/jobrunner-0123456789abcdef`);
  assert.deepEqual(clearDeadSpools(folder.path, Date.now() + 61_000), []);
  assert.equal(names(folder.path).length, 5);
});

Deno.test("a spool whose lock is a FIFO is left alone and nothing waits for it", async () => {
  using folder = temporaryFolder();
  const trap = newSpoolPath(folder.path);
  Deno.mkdirSync(trap);
  await new Deno.Command("mkfifo", { args: [`${trap}/lock`] }).output();
  assert.deepEqual(clearDeadSpools(folder.path), []);
});

Deno.test("a spool that a temp cleaner removed is made and locked again", () => {
  using folder = temporaryFolder();
  const spool = openSpool(newSpoolPath(folder.path));
  for (
    const damage of [
      () => Deno.removeSync(spool.path, { recursive: true }),
      () => Deno.removeSync(`${spool.path}/lock`),
    ]
  ) {
    damage();
    spool.refresh();
    assert.deepEqual(names(spool.path), ["lock"]);
    assert.deepEqual(clearDeadSpools(folder.path, Date.now() + 61_000), [], "it is held again");
  }
  spool.close();
});

Deno.test("a folder that somebody else put in the spool's place is not used", () => {
  using folder = temporaryFolder();
  const spool = openSpool(newSpoolPath(folder.path));
  Deno.renameSync(spool.path, `${folder.path}/away`);
  Deno.mkdirSync(spool.path, { mode: 0o777 });
  assert.throws(() => spool.ensure(), /another folder in the place/);
  Deno.removeSync(spool.path);
  spool.ensure();
  assert.deepEqual(names(spool.path), ["lock"]);
  spool.close();
});

Deno.test("a spool that could not be made again once is made when it can be", () => {
  using folder = temporaryFolder();
  const spool = openSpool(newSpoolPath(`${folder.path}`));
  Deno.removeSync(spool.path, { recursive: true });
  Deno.renameSync(folder.path, `${folder.path}.away`);
  assert.throws(() => spool.ensure(), Deno.errors.NotFound);
  Deno.renameSync(`${folder.path}.away`, folder.path);
  spool.ensure();
  assert.deepEqual(names(spool.path), ["lock"]);
  spool.close();
});

Deno.test("a dead spool that one server is clearing is left alone by another", () => {
  using folder = temporaryFolder();
  const path = newSpoolPath(folder.path);
  Deno.mkdirSync(path);
  Deno.writeTextFileSync(`${path}/lock`, "");
  using first = findDeadSpools(folder.path);
  using second = findDeadSpools(folder.path);
  assert.deepEqual([first.paths, second.paths], [[path], []]);
});

Deno.test("a lock that could not be made once is made when it can be", () => {
  using folder = temporaryFolder();
  const spool = openSpool(newSpoolPath(folder.path));
  Deno.removeSync(spool.path, { recursive: true });
  Deno.mkdirSync(spool.path, { mode: 0o700 });
  Deno.mkdirSync(`${spool.path}/lock.new`);
  for (let round = 0; round < 2; round++) {
    assert.throws(() => spool.ensure(), Deno.errors.AlreadyExists);
  }
  Deno.removeSync(`${spool.path}/lock.new`);
  spool.ensure();
  assert.deepEqual(names(spool.path), ["lock"]);
  spool.close();
});

Deno.test("a mark is a path of a job's file directly in the spool; its job is unfinished while the file is there", () => {
  using folder = temporaryFolder();
  const spool = openSpool(newSpoolPath(folder.path));
  const mark = `${spool.path}/jobdata_w_1_id_x_req_0123456789abcdef`;
  const others = [
    "",
    spool.path,
    `${spool.path}/lock`,
    `${spool.path}/jobdata_/../lock`,
    `${spool.path}/x/jobdata_`,
    `${spool.path}0/jobdata_w_1`,
    `${mark}\0`,
    `${mark}${"x".repeat(4096)}`,
  ];
  assert.deepEqual([mark, ...others].filter((other) => isMarkIn(spool.path, other)), [mark]);
  assert.equal(isUnfinished(spool.path, mark), false);
  Deno.writeTextFileSync(mark, "");
  assert.deepEqual([mark, ...others].filter((other) => isUnfinished(spool.path, other)), [mark]);
  spool.close();
  assert.equal(isUnfinished(spool.path, mark), false);
});
