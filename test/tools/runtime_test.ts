import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { makeRoom } from "../../tools/portable_executable.ts";
import { provideRuntime } from "../../tools/runtime.ts";
import { type Runtime, targets } from "../../tools/targets.ts";
import { temporaryFolder } from "../support/folder.ts";

const content = new TextEncoder().encode("a runtime, and what was compiled after it");

function runtimeOf(bytes: Uint8Array, length?: number): Runtime {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return {
    package: "@some/package",
    version: "1.2.3",
    path: "bin/program",
    sha256,
    ...(length === undefined ? {} : { bytes: length }),
  };
}

/** A stand-in for npm that counts how often it is asked. */
function npm() {
  let asked = 0;
  return {
    asked: () => asked,
    fetchFile(_: Runtime, folder: string) {
      asked++;
      const path = `${folder}/program`;
      Deno.writeFileSync(path, content);
      return Promise.resolve(path);
    },
  };
}

Deno.test("provideRuntime() takes a runtime out of its package, checks it, and fetches it once", async () => {
  using folder = temporaryFolder();
  const { fetchFile, asked } = npm();
  const runtime = runtimeOf(content.subarray(0, 9), 9);
  const path = await provideRuntime(runtime, folder.path, fetchFile);
  assert.equal(Deno.readTextFileSync(path), "a runtime");
  assert.equal(await provideRuntime(runtime, folder.path, fetchFile), path);
  assert.equal(asked(), 1);
  assert.deepEqual([...Deno.readDirSync(folder.path)].length, 1);
});

Deno.test("provideRuntime() rejects a wrong hash and leaves no file", async () => {
  using folder = temporaryFolder();
  const runtime = runtimeOf(new TextEncoder().encode("what was pinned"));
  await assert.rejects(provideRuntime(runtime, folder.path, npm().fetchFile), {
    name: "BuildFailure",
    message: new RegExp(
      `^@some/package@1.2.3: must hold a runtime with the SHA-256 ${runtime.sha256}`,
    ),
  });
  assert.deepEqual([...Deno.readDirSync(folder.path)], []);
});

Deno.test("provideRuntime() fetches a runtime again that was changed after the fetch", async () => {
  using folder = temporaryFolder();
  const { fetchFile, asked } = npm();
  const runtime = runtimeOf(content);
  const path = await provideRuntime(runtime, folder.path, fetchFile);
  Deno.writeTextFileSync(path, "something else");
  await provideRuntime(runtime, folder.path, fetchFile);
  assert.equal(asked(), 2);
  assert.deepEqual(Deno.readFileSync(path), content);
});

Deno.test("targets: each has a name, triple and file of its own, and a pinned SHA-256", () => {
  for (const key of ["name", "triple", "file"] as const) {
    assert.equal(new Set(targets.map((target) => target[key])).size, targets.length);
  }
  for (const { runtime } of targets) assert.match(runtime.sha256, /^[0-9a-f]{64}$/);
});

/** The headers of a Windows program whose first section is the one that `deno compile` fills. */
function programWith(room: number, bytes: number, secondAt: number): DataView {
  const program = new Uint8Array(1024);
  const view = new DataView(program.buffer);
  view.setUint32(0x3c, 0x80, true);
  view.setUint16(0x80 + 6, 2, true);
  view.setUint16(0x80 + 20, 240, true);
  program.set(new TextEncoder().encode(".pedata"), section);
  view.setUint32(section + 8, room, true);
  view.setUint32(section + 12, 0x20000, true);
  view.setUint32(section + 16, bytes, true);
  view.setUint32(section + 40 + 12, secondAt, true);
  return view;
}

const section = 0x80 + 24 + 240;

Deno.test("makeRoom() makes room for the compiled section of a Windows program", () => {
  const made = (room: number, bytes: number, secondAt: number) => {
    const view = programWith(room, bytes, secondAt);
    const missing = makeRoom(new Uint8Array(view.buffer));
    const image = view.getUint32(0x80 + 24 + 56, true);
    return [missing, view.getUint32(section + 8, true), image];
  };
  assert.deepEqual(made(8192, 8192, 0x1000), [0, 8192, 0], "it fits");
  assert.deepEqual(made(8000, 8192, 0x1000), [0, 8000, 0], "memory has whole pages");
  assert.deepEqual(made(8192, 8200, 0x1000), [0, 8200, 0x20000 + 12288], "it is the last section");
  assert.deepEqual(made(8192, 8200, 0x30000), [8, 8192, 0], "another one follows");
});
