import assert from "node:assert/strict";
import { createWorkspace } from "../../src/exec/workspace.ts";
import { isMarkIn } from "../../src/exec/spool.ts";
import { jobFiles, temporarySpool } from "../support/spool.ts";

const payload = new Uint8Array([0, 1, 2, 255]);
const job = {
  workerId: 3,
  id: "some id/../x",
  payload,
  requestSuffix: "",
  responseSuffix: "",
};

Deno.test("both files are named after worker and id, mode 0600, and gone after remove", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const workspace = await createWorkspace(spool, job);
  const [request = "", response = ""] = jobFiles(spool.path);
  assert.match(request, /^jobdata_w_3_id_some_id_\.\._x_req_[0-9a-f]{16}$/);
  assert.match(response, /^jobdata_w_3_id_some_id_\.\._x_res_[0-9a-f]{16}$/);
  assert.equal(workspace.requestFile, `${spool.path}/${request}`);
  assert.deepEqual(Deno.readFileSync(workspace.requestFile), payload);
  assert.equal(Deno.statSync(workspace.responseFile).size, 0);
  for (const file of [workspace.requestFile, workspace.responseFile]) {
    assert.equal((Deno.statSync(file).mode ?? 0) & 0o777, 0o600);
  }
  workspace.remove();
  assert.deepEqual(jobFiles(spool.path), []);
});

Deno.test("suffixes end the names of both files, which are read and removed as ever", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const workspace = await createWorkspace(spool, {
    ...job,
    requestSuffix: ".png",
    responseSuffix: " ä.gif",
  });
  const [request = "", response = ""] = jobFiles(spool.path);
  assert.match(request, /_req_[0-9a-f]{16}\.png$/);
  assert.match(response, /_res_[0-9a-f]{16} ä\.gif$/);
  assert.equal(workspace.requestFile, `${spool.path}/${request}`);
  assert.ok(isMarkIn(spool.path, workspace.requestFile), "the mark is one of this spool");
  Deno.writeTextFileSync(workspace.responseFile, "GIF89a");
  const { data } = await workspace.readResponse(100);
  assert.equal(new TextDecoder().decode(data.bytes), "GIF89a");
  workspace.remove();
  assert.deepEqual(jobFiles(spool.path), []);
});

Deno.test("the longest id and suffix give a name that a file system takes", async () => {
  using temporary = temporarySpool();
  const workspace = await createWorkspace(temporary.spool, {
    ...job,
    workerId: 1024,
    id: "😀".repeat(1024),
    requestSuffix: "😀".repeat(8),
    responseSuffix: "x".repeat(32),
  });
  workspace.remove();
});

Deno.test("a payload of any size arrives whole", async () => {
  using temporary = temporarySpool();
  for (const size of [1, 256 * 1024, 256 * 1024 + 1, 3 * 2 ** 20]) {
    const large = new Uint8Array(size).map((_, index) => index % 251);
    const workspace = await createWorkspace(temporary.spool, { ...job, payload: large });
    Deno.copyFileSync(workspace.requestFile, workspace.responseFile);
    assert.deepEqual(Deno.readFileSync(workspace.requestFile), large);
    assert.deepEqual((await workspace.readResponse(Infinity)).data, {
      bytes: large,
      truncated: false,
    });
    workspace.remove();
  }
});

Deno.test("a response is cut at the limit and says so", async () => {
  using temporary = temporarySpool();
  const workspace = await createWorkspace(temporary.spool, job);
  Deno.writeTextFileSync(workspace.responseFile, "123456");
  const text = async (limit: number) => {
    const { data } = await workspace.readResponse(limit);
    return [new TextDecoder().decode(data.bytes), data.truncated];
  };
  assert.deepEqual(await text(5), ["12345", true]);
  assert.deepEqual(await text(6), ["123456", false]);
  workspace.remove();
});

Deno.test("a response that was renamed over, deleted or made a folder, link or FIFO", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  Deno.writeTextFileSync(`${parent}/secret`, "secret");
  const notRegular = "the response file is not a regular file and was not read";
  const cases: [string, (path: string) => void | Promise<unknown>, string, string | undefined][] = [
    [
      "renamed over",
      (path) => {
        Deno.writeTextFileSync(`${path}.new`, "renamed");
        Deno.renameSync(`${path}.new`, path);
      },
      "renamed",
      undefined,
    ],
    ["deleted", () => {}, "", undefined],
    [
      "a folder",
      (path) => {
        Deno.mkdirSync(path);
        Deno.writeTextFileSync(`${path}/inside`, "x");
      },
      "",
      notRegular,
    ],
    ["a link", (path) => Deno.symlinkSync(`${parent}/secret`, path), "", notRegular],
    ["a FIFO", (path) => new Deno.Command("mkfifo", { args: [path] }).output(), "", notRegular],
  ];
  for (const [name, change, expected, message] of cases) {
    const workspace = await createWorkspace(spool, job);
    Deno.removeSync(workspace.responseFile);
    await change(workspace.responseFile);
    const response = await workspace.readResponse(100);
    assert.equal(new TextDecoder().decode(response.data.bytes), expected, name);
    assert.equal(response.message, message, name);
    workspace.remove();
    assert.deepEqual(jobFiles(spool.path), [], name);
  }
  assert.equal(Deno.readTextFileSync(`${parent}/secret`), "secret");
});

Deno.test("a spool that vanished is made again; one that cannot be made is an error and leaves nothing", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  Deno.removeSync(spool.path, { recursive: true });
  const workspace = await createWorkspace(spool, job);
  assert.deepEqual(Deno.readFileSync(workspace.requestFile), payload);
  Deno.removeSync(spool.path, { recursive: true });
  Deno.writeTextFileSync(spool.path, "a file in its place");
  await assert.rejects(createWorkspace(spool, job));
  Deno.removeSync(spool.path);
  assert.deepEqual([...Deno.readDirSync(parent)], []);
});
