import assert from "node:assert/strict";
import { FolderChanges } from "../../src/spool/folder_changes.ts";
import { nextModificationTime, temporaryFolder } from "../support/folder.ts";

const coarsestMs = 2000;
const finerMs = 100;

/** What is asked when, about a folder with these times, and the answer. */
interface Look {
  readonly at: number;
  readonly mtime: number | null;
  readonly ctime: number | null;
  readonly none: boolean;
}

function assertLooks(looks: readonly Look[]): void {
  let now = 0;
  const changes = new FolderChanges(() => now);
  for (const [index, { at, mtime, ctime, none }] of looks.entries()) {
    now = at;
    const [modified, changed] = [mtime, ctime].map((time) => time === null ? null : new Date(time));
    const folder = { mtime: modified, ctime: changed } as Deno.FileInfo;
    assert.equal(changes.areNone(folder), none, `look ${index}`);
  }
}

Deno.test("areNone() is true after a false one so late that a change since the first has another time", () => {
  for (const [mtime, waitMs] of [[5000, coarsestMs], [5001, finerMs]] as const) {
    const unchanged = { mtime, ctime: 5000 };
    assertLooks([
      { at: 0, ...unchanged, none: false },
      { at: waitMs - 1, ...unchanged, none: false },
      { at: waitMs, ...unchanged, none: false },
      { at: waitMs, ...unchanged, none: true },
      { at: 9e9, ...unchanged, none: true },
    ]);
  }
});

Deno.test("areNone() is false, and begins again, after a change of either time, also back to an older one", () => {
  const before = { mtime: 5001, ctime: 5000 };
  for (const after of [{ ...before, mtime: 5002 }, { ...before, ctime: 6000 }, before]) {
    assertLooks([
      { at: 0, ...before, none: false },
      { at: 100, ...before, none: false },
      { at: 100, ...before, none: true },
      { at: 200, mtime: 7001, ctime: 7000, none: false },
      { at: 300, ...after, none: false },
      { at: 399, ...after, none: false },
      { at: 400, ...after, none: false },
      { at: 400, ...after, none: true },
    ]);
  }
});

Deno.test("areNone() is false as long as a time is not known", () => {
  for (const missing of [{ mtime: null, ctime: 5000 }, { mtime: 5001, ctime: null }]) {
    assertLooks([0, 5000, 10000].map((at) => ({ at, ...missing, none: false })));
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
  await nextModificationTime(`${temporary.path}/${deeds.length - 1}`);
  Deno.writeTextFileSync(other, "");
  for (const { deed, folder, areNone } of cases) {
    deed(folder);
    assert.equal(areNone(), false, String(deed));
  }
});
