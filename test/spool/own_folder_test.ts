import assert from "node:assert/strict";
import { makeFolder, type OwnFolder } from "../../src/spool/own_folder.ts";
import { temporaryFolder } from "../support/folder.ts";

/** Makes a folder of ours and a foreign one with a file in it. */
function folders(act: (path: string, folder: OwnFolder, other: string) => void): void {
  using temporary = temporaryFolder();
  const path = `${temporary.path}/own`;
  const other = `${temporary.path}/other`;
  Deno.mkdirSync(other, { mode: 0o755 });
  Deno.writeTextFileSync(`${other}/file`, "");
  act(path, makeFolder(path), other);
  assert.deepEqual([...Deno.readDirSync(other)].map(({ name }) => name), ["file"]);
  assert.equal((Deno.statSync(other).mode ?? 0) & 0o777, 0o755, "no link is followed");
}

Deno.test("makeFolder() makes a sound folder of mode 0700, and throws if one exists already", () => {
  folders((path, folder) => {
    assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o700);
    assert.equal(folder.isSound(), true);
    assert.equal(folder.repair(), false);
    assert.throws(() => makeFolder(path), Deno.errors.AlreadyExists);
  });
});

for (const mode of [0, 0o500, 0o750, 0o777]) {
  Deno.test(`repair() fixes mode ${mode.toString(8)} and keeps the folder's content`, () => {
    folders((path, folder) => {
      Deno.writeTextFileSync(`${path}/kept`, "");
      Deno.chmodSync(path, mode);
      assert.equal(folder.isSound(), false);
      assert.equal(folder.repair(), false);
      assert.equal(folder.isSound(), true);
      Deno.lstatSync(`${path}/kept`);
    });
  });
}

const replacements: Readonly<Record<string, (path: string, other: string) => void>> = {
  nothing: () => {},
  "a link to a folder": (path, other) => Deno.symlinkSync(other, path),
  "a link to nothing": (path, other) => Deno.symlinkSync(`${other}/nothing`, path),
  "a file": (path) => Deno.writeTextFileSync(path, "x"),
  "another folder": (path) => Deno.mkdirSync(`${path}/with/folders`, { recursive: true }),
  "a folder that holds a link": (path, other) => {
    Deno.mkdirSync(path, { mode: 0o700 });
    Deno.symlinkSync(other, `${path}/link`);
  },
};

for (const [what, replace] of Object.entries(replacements)) {
  Deno.test(`repair() makes the folder again when ${what} is in its place`, () => {
    folders((path, folder, other) => {
      // The folder is moved, not removed, so that its inode number is not reused by the replacement.
      Deno.renameSync(path, `${path}.away`);
      replace(path, other);
      assert.equal(folder.isSound(), false);
      assert.equal(folder.repair(), true);
      assert.equal(folder.isSound(), true);
      assert.deepEqual([...Deno.readDirSync(path)], []);
    });
  });
}
