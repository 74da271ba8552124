import assert from "node:assert/strict";
import { removeInBackground, removeSmallOrAny, removeWhatever } from "../../src/spool/removal.ts";
import { largeFileBytes } from "../../src/spool/sizes.ts";
import { temporaryFolder } from "../support/folder.ts";

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
}

const ways = { removeWhatever, removeInBackground, removeSmallOrAny };

for (const [name, remove] of Object.entries(ways)) {
  Deno.test(`${name}() removes whatever is at a path, or nothing, and follows no link`, () =>
    removesAll(remove));
}

async function removesAll(remove: (path: string) => unknown): Promise<void> {
  using folder = temporaryFolder();
  const path = `${folder.path}/it`;
  Deno.mkdirSync(`${folder.path}/kept`);
  Deno.writeTextFileSync(`${folder.path}/kept/file`, "");
  for (
    const make of [
      () => {},
      () => Deno.writeTextFileSync(path, "x"),
      () => Deno.mkdirSync(path),
      () => Deno.mkdirSync(`${path}/a/b/c`, { recursive: true }),
      () => {
        Deno.mkdirSync(path);
        for (const name of ["a", "b", "c"]) Deno.writeTextFileSync(`${path}/${name}`, "x");
      },
      () => {
        Deno.mkdirSync(`${path}/a/b`, { recursive: true });
        Deno.symlinkSync(`${folder.path}/kept`, `${path}/a/b/link`);
      },
      () => Deno.symlinkSync(`${folder.path}/kept`, path),
      () => new Deno.Command("mkfifo", { args: [path] }).output(),
    ]
  ) {
    await make();
    await remove(path);
    assert.deepEqual(names(folder.path), ["kept"]);
  }
  assert.deepEqual(names(`${folder.path}/kept`), ["file"], "no link is followed");
}

for (const name of Object.keys(ways)) {
  Deno.test(`${name}() removes a folder that is nested deeper than there are descriptors`, () =>
    removesDeep(name));
}

async function removesDeep(remove: string): Promise<void> {
  using folder = temporaryFolder();
  const path = `${folder.path}/deep`;
  Deno.mkdirSync(`${path}/x${"/d".repeat(500)}`, { recursive: true });
  Deno.mkdirSync(`${path}/x/closed`, { mode: 0 });
  const code = `import { ${remove} } from ${
    JSON.stringify(import.meta.resolve("../../src/spool/removal.ts"))
  }; await ${remove}(${JSON.stringify(path)});`;
  const { stderr } = await new Deno.Command("sh", {
    args: ["-c", 'ulimit -n 200; exec "$0" eval --no-config "$1"', Deno.execPath(), code],
  }).output();
  assert.equal(new TextDecoder().decode(stderr), "");
  assert.deepEqual(names(folder.path), []);
}

Deno.test("removeSmallOrAny() removes a file at once unless it is large", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/file`;
  const { removeSync } = Deno;
  let atOnce = 0;
  Deno.removeSync = (path) => {
    atOnce++;
    removeSync(path);
  };
  try {
    for (
      const [size, expected] of [[0, 1], [largeFileBytes, 1], [largeFileBytes + 1, 0]] as const
    ) {
      atOnce = 0;
      Deno.writeTextFileSync(path, "");
      Deno.truncateSync(path, size);
      await removeSmallOrAny(path);
      assert.equal(atOnce, expected);
      assert.deepEqual(names(folder.path), []);
    }
  } finally {
    Deno.removeSync = removeSync;
  }
});

Deno.test("removeInBackground() lets other work run while it removes many files", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/many`;
  Deno.mkdirSync(path);
  for (let file = 0; file < 2000; file++) Deno.writeTextFileSync(`${path}/${file}`, "");
  let others = 0;
  setTimeout(() => others++, 0);
  await removeInBackground(path);
  assert.equal(others, 1);
  assert.deepEqual(names(folder.path), []);
});
