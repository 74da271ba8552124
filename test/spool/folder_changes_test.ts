import assert from "node:assert/strict";
import { FolderChanges } from "../../src/spool/folder_changes.ts";
import { nextChangeTime, temporaryFolder } from "../support/folder.ts";

const coarsestMs = 2000;

Deno.test("areNone() is true after a false one at least two seconds after the time was seen first", () => {
  const times: { nowMs: number; ctime: number | null; none: boolean }[] = [
    { nowMs: 0, ctime: 50, none: false },
    { nowMs: coarsestMs - 1, ctime: 50, none: false },
    { nowMs: coarsestMs, ctime: 50, none: false },
    { nowMs: coarsestMs, ctime: 50, none: true },
    { nowMs: 1e6, ctime: 50, none: true },
    { nowMs: 1e6, ctime: 51, none: false },
    { nowMs: 1e6 + 1, ctime: 50, none: false },
    { nowMs: 1e6 + coarsestMs, ctime: 50, none: false },
    { nowMs: 1e6 + coarsestMs + 1, ctime: 50, none: false },
    { nowMs: 1e6 + coarsestMs + 1, ctime: 50, none: true },
    { nowMs: 2e6, ctime: null, none: false },
    { nowMs: 3e6, ctime: null, none: false },
    { nowMs: 4e6, ctime: null, none: false },
  ];
  let now = 0;
  const changes = new FolderChanges(() => now);
  for (const { nowMs, ctime, none } of times) {
    now = nowMs;
    const folder = { ctime: ctime === null ? null : new Date(ctime) } as Deno.FileInfo;
    assert.equal(changes.areNone(folder), none, `at ${nowMs}`);
  }
});

Deno.test("areNone() is false after each change of a name in the folder", async () => {
  using temporary = temporaryFolder();
  const other = `${temporary.path}/other`;
  const deeds: readonly ((folder: string) => void)[] = [
    (folder) => Deno.writeTextFileSync(`${folder}/new`, ""),
    (folder) => Deno.mkdirSync(`${folder}/new`),
    (folder) => Deno.symlinkSync("nowhere", `${folder}/new`),
    (folder) => Deno.linkSync(`${folder}/file`, `${folder}/new`),
    (folder) => Deno.renameSync(other, `${folder}/file`),
    (folder) => Deno.renameSync(`${folder}/file`, `${folder}/renamed`),
    (folder) => Deno.renameSync(`${folder}/file`, other),
    (folder) => Deno.removeSync(`${folder}/file`),
  ];
  let now = 0;
  const cases = deeds.map((deed, index) => {
    const folder = `${temporary.path}/${index}`;
    Deno.mkdirSync(folder);
    Deno.writeTextFileSync(`${folder}/file`, "");
    const changes = new FolderChanges(() => now);
    return { deed, folder, areNone: () => changes.areNone(Deno.lstatSync(folder)) };
  });
  for (const { areNone } of cases) {
    areNone();
    now += coarsestMs;
    areNone();
    assert.equal(areNone(), true);
  }
  await nextChangeTime(`${temporary.path}/${deeds.length - 1}`);
  Deno.writeTextFileSync(other, "");
  for (const { deed, folder, areNone } of cases) {
    deed(folder);
    assert.equal(areNone(), false, String(deed));
  }
});
