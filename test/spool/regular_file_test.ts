import assert from "node:assert/strict";
import { openRegularFile } from "../../src/spool/regular_file.ts";
import { temporaryFolder } from "../support/folder.ts";

/** Reads a file to its end, in pieces of this size. */
async function contentOf(path: string, pieceBytes: number): Promise<number[]> {
  const file = openRegularFile(path);
  const bytes: number[] = [];
  const memory = new Uint8Array(pieceBytes);
  for (let length = await file.read(memory); length > 0; length = await file.read(memory)) {
    bytes.push(...memory.subarray(0, length));
  }
  file.close();
  return bytes;
}

Deno.test("openRegularFile() reads small and large files piece by piece to their end", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/file`;
  for (const [length, pieceBytes] of [[0, 4], [10, 4], [300_000, 65_536]] as const) {
    const bytes = Uint8Array.from({ length }, (_, index) => index % 251);
    Deno.writeFileSync(path, bytes);
    const file = openRegularFile(path);
    assert.equal(file.length, length);
    file.close();
    assert.deepEqual(await contentOf(path, pieceBytes), [...bytes]);
  }
});

Deno.test("openRegularFile() reads what it has opened, even if the path is gone", () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/file`;
  Deno.writeTextFileSync(path, "abc");
  const file = openRegularFile(path);
  Deno.removeSync(path);
  assert.equal(file.read(new Uint8Array(10)), 3);
  file.close();
});

Deno.test("openRegularFile() throws for a link, a FIFO, a folder and a missing file, and does not wait", () => {
  using folder = temporaryFolder();
  const at = (name: string) => `${folder.path}/${name}`;
  Deno.writeTextFileSync(at("file"), "abc");
  Deno.symlinkSync(at("file"), at("link"));
  new Deno.Command("mkfifo", { args: [at("fifo")] }).outputSync();
  for (const path of [at("link"), at("fifo"), folder.path]) {
    assert.throws(() => openRegularFile(path), { message: `${path}: must be a regular file` });
  }
  assert.throws(() => openRegularFile(at("missing")), Deno.errors.NotFound);
});
