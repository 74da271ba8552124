import assert from "node:assert/strict";
import { removeWhatever } from "../../src/exec/removal.ts";
import { temporaryFolder } from "../support/folder.ts";

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
}

Deno.test("whatever lies at a path is removed, and nothing there is fine", async () => {
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
    removeWhatever(path);
    assert.deepEqual(names(folder.path), ["kept"]);
  }
  assert.deepEqual(names(`${folder.path}/kept`), ["file"], "no link is followed");
});

Deno.test("a folder that is nested deeper than there are descriptors is removed", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/deep`;
  Deno.mkdirSync(`${path}/x${"/d".repeat(500)}`, { recursive: true });
  Deno.mkdirSync(`${path}/x/closed`, { mode: 0 });
  const code = `import { removeWhatever } from ${
    JSON.stringify(import.meta.resolve("../../src/exec/removal.ts"))
  }; removeWhatever(${JSON.stringify(path)});`;
  const { stderr } = await new Deno.Command("sh", {
    args: ["-c", 'ulimit -n 200; exec "$0" eval --no-config "$1"', Deno.execPath(), code],
  }).output();
  assert.equal(new TextDecoder().decode(stderr), "");
  assert.deepEqual(names(folder.path), []);
});
