import assert from "node:assert/strict";
import {
  isMarkIn,
  isUnfinished,
  jobFolderIn,
  makeInSpool,
  openSpool,
} from "../../src/spool/spool.ts";
import { temporarySpool } from "../support/spool.ts";

Deno.test("isMarkIn() accepts only the path of a job's folder; isUnfinished() needs the folder too", () => {
  using temporary = temporarySpool();
  const { path } = temporary.spool;
  const mark = jobFolderIn(path, "0123456789abcdef");
  const others = [
    "",
    path,
    `${path}/lock`,
    `${path}/job-`,
    `${path}/job-0123456789abcde`,
    `${path}/job-0123456789abcdef/`,
    `${path}/job-0123456789ABCDEF`,
    `${path}/job-/../0123456789abcdef`,
    `${path}/x/job-0123456789abcdef`,
    `${path}0/job-0123456789abcdef`,
    `${"x".repeat(path.length)}/job-0123456789abcdef`,
    `${mark}\0`,
    `${mark}\n`,
    `${mark}${"x".repeat(4096)}`,
  ];
  assert.deepEqual([mark, ...others].filter((other) => isMarkIn(path, other)), [mark]);
  assert.equal(isUnfinished(path, mark), false);
  Deno.mkdirSync(mark);
  assert.deepEqual([mark, ...others].filter((other) => isUnfinished(path, other)), [mark]);
  Deno.removeSync(mark);
  assert.equal(isUnfinished(path, mark), false);
});

Deno.test("isUnfinished() is true when the spool cannot be read", () => {
  using temporary = temporarySpool();
  const { path } = temporary.spool;
  Deno.removeSync(path);
  Deno.writeTextFileSync(path, "");
  assert.equal(isUnfinished(path, jobFolderIn(path, "0123456789abcdef")), true);
  assert.equal(isUnfinished(path, `${path}/other`), false);
});

Deno.test("ensure() repairs a damaged spool, and rejects when that is not possible", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  await spool.ensure();
  for (
    const damage of [
      () => Deno.chmodSync(spool.path, 0),
      () => Deno.removeSync(spool.path),
      () => {
        Deno.removeSync(spool.path);
        Deno.symlinkSync(parent, spool.path);
      },
    ]
  ) {
    damage();
    assert.equal(spool.isSound(), false);
    await spool.ensure();
    assert.equal(spool.isSound(), true);
  }
  Deno.renameSync(parent, `${parent}.away`);
  await assert.rejects(spool.ensure(), Deno.errors.NotFound);
  Deno.renameSync(`${parent}.away`, parent);
  await spool.ensure();
});

Deno.test("ensure() asks main only if the spool is damaged, and rejects something else in its place", async () => {
  using temporary = temporarySpool();
  const { spool: { path }, parent } = temporary;
  let asked = 0;
  const spool = openSpool(path, () => Promise.resolve(void asked++));
  await spool.ensure();
  assert.equal(asked, 0);
  Deno.removeSync(path);
  Deno.symlinkSync(parent, path);
  await assert.rejects(spool.ensure(), /something else is in the spool's place/);
  assert.equal(asked, 1);
});

Deno.test("makeInSpool() repairs the spool and tries once more, and rejects with the second error", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const made: string[] = [];
  const make = (name: string, damages: number) => () => {
    made.push(name);
    if (made.filter((other) => other === name).length <= damages) Deno.removeSync(spool.path);
    Deno.mkdirSync(`${spool.path}/${name}`);
    return name;
  };
  Deno.removeSync(spool.path);
  assert.equal(await makeInSpool(spool, make("first", 0)), "first");
  Deno.removeSync(`${spool.path}/first`);
  assert.equal(await makeInSpool(spool, make("second", 1)), "second");
  Deno.removeSync(`${spool.path}/second`);
  await assert.rejects(makeInSpool(spool, make("third", 2)), Deno.errors.NotFound);
  assert.deepEqual(made, ["first", "second", "second", "third", "third"]);
});
