import assert from "node:assert/strict";
import { beginningOf } from "../../src/machine/file_beginning.ts";
import { temporaryFolder } from "../support/folder.ts";

Deno.test("beginningOf() reads at most as many bytes as asked, even from an endless file", () => {
  using folder = temporaryFolder();
  Deno.writeTextFileSync(`${folder.path}/file`, "hello");
  const textOf = (bytes: number) =>
    new TextDecoder().decode(beginningOf(`${folder.path}/file`, bytes));
  assert.deepEqual([3, 5, 9].map(textOf), ["hel", "hello", "hello"]);
  assert.equal(beginningOf("/dev/zero", 4097).length, 4097);
  assert.throws(() => beginningOf(`${folder.path}/none`, 1), /No such file/);
  assert.throws(() => beginningOf(folder.path, 1), /Is a directory/);
});
