import assert from "node:assert/strict";
import { jobFolderAt, makeJobFolder } from "../../src/spool/job_folder.ts";
import { filesIn, temporarySpool } from "../support/spool.ts";

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

Deno.test("jobFolderAt() finds a folder again, and removes it with all that is in it", async () => {
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

Deno.test("jobFolderAt() takes no path but that of a job's folder in its spool", () => {
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
