import assert from "node:assert/strict";
import { DiskFullError, type Inbox, openInbox } from "../../src/spool/inbox.ts";
import { makeJobFolder } from "../../src/spool/job_folder.ts";
import type { Spool } from "../../src/spool/spool.ts";
import { createWorkspace } from "../../src/spool/workspace.ts";
import { fullDisk } from "../support/full_disk.ts";
import { openFilesIn } from "../support/open_files.ts";
import { filesIn, temporarySpool } from "../support/spool.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const modeOf = (path: string) => (Deno.lstatSync(path).mode ?? 0) & 0o777;
const names = { workerId: 1, id: "i", requestSuffix: ".in", responseSuffix: "" };

/** Receives a form with these files. */
async function receive(inbox: Inbox, ...contents: readonly string[]): Promise<void> {
  for (const content of contents) {
    const part = await inbox.openPart();
    await part.write(bytesOf(content));
    await part.end();
  }
}

/** Path of the only job's folder. */
function folderIn({ path }: Spool): string {
  return `${path}/${filesIn(path).find((name) => /^job-[0-9a-f]{16}$/.test(name))}`;
}

Deno.test("openInbox() receives a body into a file in a job's folder, which a run takes over", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const inbox = await openInbox(spool, ".in");
  const body = await inbox.openBody(8);
  await body.write(bytesOf("pay"));
  await body.write(bytesOf("load"));
  assert.equal(body.length, 7);
  await body.end();
  const input = await inbox.complete();
  const folder = folderIn(spool);
  assert.deepEqual(input, { kind: "file", folder, name: body.name, length: 7 });
  assert.deepEqual([modeOf(folder), modeOf(`${folder}/${body.name}`)], [0o700, 0o600]);
  const workspace = await createWorkspace(spool, input, names);
  assert.equal(workspace.folder, folder);
  assert.equal(Deno.readTextFileSync(workspace.requestFile), "payload");
  assert.equal(workspace.requestFolder, "");
  await workspace.remove();
  assert.deepEqual(filesIn(spool.path), []);
  assert.deepEqual(openFilesIn(spool.path), []);
});

Deno.test("openInbox() completes a request without a body with an empty file", async () => {
  using temporary = temporarySpool();
  const inbox = await openInbox(temporary.spool, "");
  const input = await inbox.complete();
  assert.ok(input.kind === "file");
  assert.equal(input.length, 0);
  assert.equal(Deno.statSync(`${input.folder}/${input.name}`).size, 0);
});

Deno.test("openInbox() receives the files of a form into a folder with their list, which a run takes over", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const inbox = await openInbox(spool, ".in");
  await receive(inbox, "first", "", "third");
  const input = await inbox.complete('[{"name":"ä"}]');
  const folder = folderIn(spool);
  assert.deepEqual(input, {
    kind: "parts",
    folder,
    name: "request",
    first: "001.in",
    length: 10,
  });
  assert.equal(modeOf(`${folder}/request`), 0o700);
  assert.deepEqual(filesIn(`${folder}/request`), ["001.in", "002.in", "003.in", "parts.json"]);
  for (const name of filesIn(`${folder}/request`)) {
    assert.equal(modeOf(`${folder}/request/${name}`), 0o600);
  }
  const workspace = await createWorkspace(spool, input, names);
  assert.equal(workspace.requestFolder, `${folder}/request`);
  assert.equal(workspace.requestFile, `${folder}/request/001.in`);
  assert.equal(Deno.readTextFileSync(workspace.requestFile), "first");
  assert.equal(Deno.readTextFileSync(`${folder}/request/003.in`), "third");
  assert.equal(Deno.readTextFileSync(`${folder}/request/parts.json`), '[{"name":"ä"}]');
  await workspace.remove();
  assert.deepEqual(filesIn(spool.path), []);
  assert.deepEqual(openFilesIn(spool.path), []);
});

Deno.test("openInbox() adds an empty file to a form without files", async () => {
  using temporary = temporarySpool();
  const inbox = await openInbox(temporary.spool, ".png");
  const input = await inbox.complete("[]");
  assert.ok(input.kind === "parts");
  assert.deepEqual([input.first, input.length], ["001.png", 0]);
  assert.equal(Deno.statSync(`${input.folder}/request/001.png`).size, 0);
});

Deno.test("openInbox() numbers the files of a form beyond 999, too", async () => {
  using temporary = temporarySpool();
  const inbox = await openInbox(temporary.spool, "");
  let name = "";
  for (let count = 1; count <= 1000; count++) {
    const part = await inbox.openPart();
    await part.end();
    if (count === 999) assert.equal(part.name, "999");
    ({ name } = part);
  }
  assert.equal(name, "1000");
});

Deno.test("openInbox() makes a lost spool again, also if it is lost between the check and the folder", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  Deno.removeSync(spool.path);
  await (await openInbox(spool, "")).discard();
  let looks = 0;
  const unlucky = {
    ...spool,
    async ensure() {
      await spool.ensure();
      if (looks++ === 0) Deno.removeSync(spool.path);
    },
  };
  await (await openInbox(unlucky, "")).discard();
  assert.deepEqual(filesIn(spool.path), []);
  const broken = { ...spool, path: "/dev/null/spool" };
  await assert.rejects(openInbox(broken, ""), /Not a directory/);
});

Deno.test("discard() of an inbox closes and removes everything, whatever has arrived, and is idempotent", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const arrivals: readonly ((inbox: Inbox) => Promise<unknown>)[] = [
    () => Promise.resolve(),
    (inbox) => inbox.openBody(0),
    async (inbox) => await (await inbox.openBody(0)).write(new Uint8Array(2_000_000)),
    async (inbox) => await (await inbox.openBody(0)).end(),
    (inbox) => inbox.openPart(),
    async (inbox) => {
      await receive(inbox, "one");
      await inbox.openPart();
    },
  ];
  for (const arrive of arrivals) {
    const inbox = await openInbox(spool, "");
    await arrive(inbox);
    await Promise.all([inbox.discard(), inbox.discard()]);
    await inbox.discard();
    assert.deepEqual(filesIn(spool.path), []);
    assert.deepEqual(openFilesIn(spool.path), []);
  }
});

Deno.test("discard() of an inbox wins over a file or a completion that is on its way", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const acts: readonly ((inbox: Inbox) => Promise<unknown>)[] = [
    (inbox) => inbox.openBody(0),
    (inbox) => inbox.openPart(),
    (inbox) => inbox.complete(),
    (inbox) => inbox.complete("[]"),
  ];
  for (const act of acts) {
    const inbox = await openInbox(spool, "");
    const refused = assert.rejects(act(inbox), /no longer filled/);
    await inbox.discard();
    await refused;
    await assert.rejects(act(inbox), /no longer filled/);
    assert.deepEqual(filesIn(spool.path), []);
    assert.deepEqual(openFilesIn(spool.path), []);
  }
});

Deno.test("discard() of an inbox also removes a payload that is complete", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const inbox = await openInbox(spool, "");
  await inbox.complete();
  await inbox.discard();
  assert.deepEqual(filesIn(spool.path), []);
});

Deno.test("discard() of an inbox leaves what it cannot remove to the next removal, without an error", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  let damaged = false;
  const sometimes = {
    ...spool,
    ensure: () => damaged ? Promise.reject(new Error("damaged")) : spool.ensure(),
  };
  const inbox = await openInbox(sometimes, "");
  await inbox.openBody(0);
  damaged = true;
  await inbox.discard();
  assert.deepEqual([...spool.leftovers], [folderIn(spool)]);
  assert.deepEqual(openFilesIn(spool.path), []);
});

Deno.test("openInbox() follows no link that has replaced a folder, and removes nothing behind it", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  const other = `${parent}/other`;
  Deno.mkdirSync(other);
  Deno.writeTextFileSync(`${other}/001`, "somebody else's");
  const replaceBy = (path: string) => {
    Deno.removeSync(path, { recursive: true });
    Deno.symlinkSync(other, path);
  };
  const acts: readonly ((inbox: Inbox) => Promise<unknown>)[] = [
    (inbox) => inbox.openPart(),
    (inbox) => inbox.complete("[]"),
  ];
  for (const act of acts) {
    for (const place of ["", "/request"]) {
      const inbox = await openInbox(spool, "");
      await receive(inbox, "mine");
      replaceBy(`${folderIn(spool)}${place}`);
      await assert.rejects(act(inbox), /something else is in the folder's place/);
      await inbox.discard();
      assert.deepEqual(filesIn(spool.path), []);
    }
  }
  const inbox = await openInbox(spool, "");
  replaceBy(folderIn(spool));
  await assert.rejects(inbox.openBody(0), /something else is in the folder's place/);
  await inbox.discard();
  assert.deepEqual(filesIn(spool.path), []);
  assert.deepEqual(filesIn(other), ["001"]);
  assert.equal(Deno.readTextFileSync(`${other}/001`), "somebody else's");
});

Deno.test("openInbox() writes into no file that is there already, nor through a link in its place", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  const target = `${parent}/target`;
  const places: readonly [string, (inbox: Inbox) => Promise<unknown>][] = [
    ["body", (inbox) => inbox.openBody(0)],
    ["request/002", (inbox) => inbox.openPart()],
    ["request/parts.json", (inbox) => inbox.complete("[]")],
  ];
  for (const [place, act] of places) {
    const inbox = await openInbox(spool, "");
    if (place !== "body") await receive(inbox, "one");
    Deno.symlinkSync(target, `${folderIn(spool)}/${place}`);
    await assert.rejects(act(inbox), Deno.errors.AlreadyExists);
    await inbox.discard();
    assert.deepEqual(filesIn(spool.path), []);
    assert.throws(() => Deno.lstatSync(target), Deno.errors.NotFound);
  }
});

Deno.test("openInbox() does not take the folder of another request for its own", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const inbox = await openInbox(spool, "");
  const mine = folderIn(spool);
  const other = makeJobFolder(spool);
  Deno.removeSync(mine);
  Deno.renameSync(other.path, mine);
  await assert.rejects(inbox.openBody(0), /something else is in the folder's place/);
});

Deno.test("a full disk rejects with a DiskFullError, and what has arrived can be discarded", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const inbox = await openInbox(spool, "");
  const body = await inbox.openBody(0);
  {
    using _full = fullDisk();
    await assert.rejects(body.write(new Uint8Array(2 ** 20)), DiskFullError);
  }
  await inbox.discard();
  const form = await openInbox(spool, "");
  await receive(form, "one");
  {
    using _full = fullDisk();
    await assert.rejects(form.complete("[]"), DiskFullError);
  }
  await form.discard();
  assert.deepEqual(filesIn(spool.path), []);
  assert.deepEqual(openFilesIn(spool.path), []);
});
