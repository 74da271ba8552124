import assert from "node:assert/strict";
import { openInbox } from "../../src/spool/inbox.ts";
import { largeFileBytes } from "../../src/spool/sizes.ts";
import { createWorkspace } from "../../src/spool/workspace.ts";
import { filesIn, temporarySpool } from "../support/spool.ts";
import { nextTurn } from "../support/turn.ts";

const names = { workerId: 1, id: "i", requestSuffix: "", responseSuffix: "" };
const large = new Uint8Array(largeFileBytes);

/** Records what is removed while nothing else can happen. */
function removedAtOnce(): Disposable & { readonly paths: string[] } {
  const { removeSync } = Deno;
  const paths: string[] = [];
  Deno.removeSync = (path, options) => {
    removeSync(path, options);
    paths.push(String(path));
  };
  return { paths, [Symbol.dispose]: () => void (Deno.removeSync = removeSync) };
}

async function receive(inbox: Awaited<ReturnType<typeof openInbox>>): Promise<void> {
  const body = await inbox.openBody(large.length);
  await body.write(large);
  await body.end();
}

Deno.test("discard() removes a large body in the background", async () => {
  using temporary = temporarySpool();
  using removed = removedAtOnce();
  const inbox = await openInbox(temporary.spool, "");
  await receive(inbox);
  await inbox.discard();
  assert.deepEqual(removed.paths, []);
  assert.deepEqual(filesIn(temporary.spool.path), []);
});

Deno.test("remove() of a workspace removes a large payload in the background", async () => {
  using temporary = temporarySpool();
  using removed = removedAtOnce();
  const { spool } = temporary;
  const inbox = await openInbox(spool, "");
  await receive(inbox);
  const workspace = await createWorkspace(spool, await inbox.complete(), names);
  await workspace.remove();
  assert.deepEqual(removed.paths, [workspace.responseFile]);
  assert.deepEqual(filesIn(spool.path), []);
});

Deno.test("remove() removes a large response in the background, however much of it was read", async () => {
  using temporary = temporarySpool();
  using removed = removedAtOnce();
  const { spool } = temporary;
  for (const read of ["readResponse", "openResponse"] as const) {
    const input = { kind: "bytes" as const, bytes: new Uint8Array([1]) };
    const workspace = await createWorkspace(spool, input, names);
    Deno.writeFileSync(workspace.responseFile, large);
    const { data } = await workspace[read](10);
    assert.deepEqual([data.bytes.length, data.truncated], [10, true]);
    await workspace.remove();
    assert.ok(!removed.paths.includes(workspace.responseFile));
    assert.deepEqual(filesIn(spool.path), []);
  }
});

Deno.test("a large response that is open keeps its blocks until its close, which another name of it survives", async () => {
  using temporary = temporarySpool();
  using removed = removedAtOnce();
  const { spool, parent } = temporary;
  const input = { kind: "bytes" as const, bytes: new Uint8Array([1]) };
  const workspace = await createWorkspace(spool, input, names);
  Deno.writeFileSync(workspace.responseFile, large);
  Deno.linkSync(workspace.responseFile, `${parent}/linked`);
  const { data: { file } } = await workspace.openResponse(Infinity);
  await workspace.remove();
  assert.match(filesIn(spool.path).join(), /^output-[0-9a-f]{16}$/);
  assert.equal(await file?.read(large.length - 1, new Uint8Array(10)), 1);
  file?.close();
  while (filesIn(spool.path).length > 0) await nextTurn();
  assert.deepEqual(removed.paths.filter((path) => path.includes("output-")), []);
  assert.equal(Deno.statSync(`${parent}/linked`).size, large.length);
});
