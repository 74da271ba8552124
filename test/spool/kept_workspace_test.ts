import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { nothingRead } from "../../src/jobs/job.ts";
import { createKeptWorkspace, type KeptWorkspace } from "../../src/spool/kept_workspace.ts";
import { makeJobFolder } from "../../src/spool/job_folder.ts";
import { largeFileBytes, smallFileBytes, smallOutputBytes } from "../../src/spool/sizes.ts";
import type { Spool } from "../../src/spool/spool.ts";
import { fullDisk } from "../support/full_disk.ts";
import { nextModificationTime } from "../support/folder.ts";
import { keepOpenFiles, openFilesIn } from "../support/open_files.ts";
import { eventually } from "../support/processes.ts";
import { filesIn, temporarySpool } from "../support/spool.ts";

const names = { workerId: 3, id: "warm", requestSuffix: "", responseSuffix: "" };

/** The files stay open, or are opened for each use, as on Windows. */
const bothWays = [true, false];

function bytesOf(length: number, seed = 0): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).map((_, index) => (index + seed) % 251);
}

const inputOf = (bytes: Uint8Array<ArrayBuffer>) => ({ kind: "bytes" as const, bytes });

/** Puts a payload into a file as the body of a request does. */
function bodyIn(spool: Spool, bytes: Uint8Array) {
  const { path: folder } = makeJobFolder(spool);
  Deno.writeFileSync(`${folder}/body`, bytes, { mode: 0o600 });
  return { kind: "file" as const, folder, name: "body", length: bytes.length };
}

/** Makes the folder of a job with the parts of a form. */
function formIn(spool: Spool, bytes: Uint8Array) {
  const { path: folder } = makeJobFolder(spool);
  Deno.mkdirSync(`${folder}/request`);
  Deno.writeFileSync(`${folder}/request/001`, bytes);
  Deno.writeTextFileSync(`${folder}/request/parts.json`, "[]");
  const length = bytes.length;
  return { kind: "parts" as const, folder, name: "request", first: "001", length };
}

function modeOf(path: string): number {
  return (Deno.lstatSync(path).mode ?? 0) & 0o777;
}

/** Fails unless there are only the two files, empty and of the right mode. */
function assertReady(workspace: KeptWorkspace, what: string): void {
  const { folder, requestFile, responseFile, requestFolder } = workspace;
  assert.deepEqual(filesIn(folder).map((name) => `${folder}/${name}`), [requestFile, responseFile]);
  assert.equal(requestFolder, "", what);
  assert.equal(modeOf(folder), 0o700, what);
  for (const file of [requestFile, responseFile]) {
    const { isFile, size } = Deno.lstatSync(file);
    assert.deepEqual([isFile, size, modeOf(file)], [true, 0, 0o600], what);
  }
}

function isEmpty(folder: string): boolean {
  return [...Deno.readDirSync(folder)].length === 0;
}

/** Runs two jobs, which must see only their own bytes, and makes the workspace ready again. */
async function runTwoJobs(workspace: KeptWorkspace, what: string): Promise<void> {
  for (const length of [5, 3]) {
    await workspace.put(inputOf(bytesOf(length, length)));
    assert.deepEqual(Deno.readFileSync(workspace.requestFile), bytesOf(length, length), what);
    assert.equal(Deno.lstatSync(workspace.responseFile).size, 0, what);
    Deno.writeFileSync(workspace.responseFile, bytesOf(length, 100));
    const { data, message } = await workspace.readResponse(Infinity);
    assert.deepEqual(data, { bytes: bytesOf(length, 100), truncated: false }, what);
    assert.equal(message, undefined, what);
    await workspace.renew();
    assertReady(workspace, what);
  }
}

Deno.test("createKeptWorkspace() makes a 0700 folder with two empty 0600 files, named after the worker", async () => {
  for (const staysOpen of bothWays) {
    using temporary = temporarySpool();
    const { spool } = temporary;
    const suffixes = { requestSuffix: ".png", responseSuffix: ".gif" };
    const workspace = await createKeptWorkspace(spool, { ...names, ...suffixes }, staysOpen);
    const [folder = "", request = "", response = ""] = filesIn(spool.path);
    assert.match(folder, /^job-[0-9a-f]{16}$/);
    assert.match(request, /^job-.{16}\/jobdata_w_3_id_warm_req_[0-9a-f]{16}\.png$/);
    assert.match(response, /^job-.{16}\/jobdata_w_3_id_warm_res_[0-9a-f]{16}\.gif$/);
    assert.equal(workspace.folder, `${spool.path}/${folder}`);
    assert.equal(workspace.requestFile, `${spool.path}/${request}`);
    assert.equal(workspace.responseFile, `${spool.path}/${response}`);
    assertReady(workspace, "new");
    assert.equal(openFilesIn(spool.path).length, staysOpen ? 2 : 0);
    await workspace.remove();
    await workspace.remove();
    assert.deepEqual([filesIn(spool.path), openFilesIn(spool.path)], [[], []]);
  }
});

Deno.test("createKeptWorkspace() makes a lost spool again; if it cannot, it rejects and leaves nothing", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  using removals = watchRemovals();
  Deno.removeSync(spool.path);
  await (await createKeptWorkspace(spool, names)).remove();
  let looks = 0;
  const damaged = {
    ...spool,
    ensure: () => looks++ === 0 ? spool.ensure() : Promise.reject(new Error("damaged")),
  };
  await assert.rejects(createKeptWorkspace(damaged, names), /damaged/);
  assert.equal(spool.leftovers.size, 1, "which the next removal of a folder removes");
  await (await createKeptWorkspace(spool, names)).remove();
  await eventually("nothing is left", () => isEmpty(spool.path));
  await removals.ended();
  const { openSync } = Deno;
  let files = 0;
  Deno.openSync = (path, options) => {
    if (++files === 2) throw new Error("too many files are open");
    return openSync(path, options);
  };
  try {
    await assert.rejects(createKeptWorkspace(spool, names), /too many files/);
  } finally {
    Deno.openSync = openSync;
  }
  assert.deepEqual([filesIn(spool.path), openFilesIn(parent)], [[], []]);
});

Deno.test("put(), readResponse() and renew() serve jobs of any size with the same files", async () => {
  for (const staysOpen of bothWays) {
    using temporary = temporarySpool();
    const workspace = await createKeptWorkspace(temporary.spool, names, staysOpen);
    const { requestFile, responseFile } = workspace;
    const sizes = [1, 100, smallFileBytes, smallFileBytes + 1, 3, largeFileBytes + 1, 0, 2];
    for (const size of sizes) {
      const bytes = bytesOf(size, size);
      await workspace.put(inputOf(bytes));
      assert.deepEqual([workspace.requestFile, workspace.requestFolder], [requestFile, ""]);
      assert.ok(Buffer.from(Deno.readFileSync(requestFile)).equals(bytes), String(size));
      Deno.copyFileSync(requestFile, responseFile);
      const { data } = await workspace.readResponse(Infinity);
      assert.ok(Buffer.from(data.bytes).equals(bytes), String(size));
      assert.equal(data.truncated, false);
      await workspace.renew();
      assertReady(workspace, String(size));
    }
    await workspace.remove();
    assert.deepEqual(filesIn(temporary.spool.path), []);
  }
});

Deno.test("renew() keeps the inodes of files that are only written, so that a job costs little", async () => {
  using temporary = temporarySpool();
  const workspace = await createKeptWorkspace(temporary.spool, names);
  const inodes = () =>
    [workspace.requestFile, workspace.responseFile].map((file) => Deno.lstatSync(file).ino);
  const before = inodes();
  await runTwoJobs(workspace, "ordinary");
  assert.deepEqual(inodes(), before);
  await workspace.remove();
});

Deno.test("readResponse() and openResponse() cut a response at the limit and mark it as truncated", async () => {
  for (const staysOpen of bothWays) {
    using temporary = temporarySpool();
    const workspace = await createKeptWorkspace(temporary.spool, names, staysOpen);
    Deno.writeTextFileSync(workspace.responseFile, "123456");
    for (const read of ["readResponse", "openResponse"] as const) {
      const text = async (limit: number) => {
        const { data } = await workspace[read](limit);
        return [new TextDecoder().decode(data.bytes), data.truncated];
      };
      assert.deepEqual(await text(0), ["", true]);
      assert.deepEqual(await text(5), ["12345", true]);
      assert.deepEqual(await text(6), ["123456", false]);
    }
    await workspace.remove();
  }
});

Deno.test("readResponse() reports a response too large for memory; the next job has a small one again", async () => {
  for (const staysOpen of bothWays) {
    using temporary = temporarySpool();
    const workspace = await createKeptWorkspace(temporary.spool, names, staysOpen);
    Deno.truncateSync(workspace.responseFile, 2 ** 40);
    assert.deepEqual(await workspace.readResponse(Infinity), {
      data: nothingRead,
      message: "the response file could not be read: there is not enough memory for it",
    });
    await workspace.renew();
    await runTwoJobs(workspace, "after it");
    await workspace.remove();
    await eventually("it is closed", () => openFilesIn(temporary.parent).length === 0);
  }
});

Deno.test("readResponse() returns what is left of a response that shrinks during the read", async () => {
  using temporary = temporarySpool();
  const workspace = await createKeptWorkspace(temporary.spool, names);
  const size = 3 * 2 ** 20;
  Deno.writeFileSync(workspace.responseFile, new Uint8Array(size));
  const reading = workspace.readResponse(Infinity);
  Deno.truncateSync(workspace.responseFile, 1);
  const { data, message } = await reading;
  assert.ok(data.bytes.length < size, String(data.bytes.length));
  assert.deepEqual([data.truncated, message], [false, undefined]);
  await workspace.remove();
});

/** Collects the removals that go on in the background, so that a test can wait for them. */
function watchRemovals(): Disposable & { ended(): Promise<unknown> } {
  const { remove } = Deno;
  const begun: Promise<void>[] = [];
  Deno.remove = (path, options) => {
    const removal = remove(path, options);
    begun.push(removal);
    return removal;
  };
  return {
    ended: () => Promise.allSettled(begun),
    [Symbol.dispose]: () => void Object.assign(Deno, { remove }),
  };
}

/** What a job can do to its folder and files, after which the folder can be used again. `parent` is outside the spool. */
const deeds: Readonly<Record<string, (workspace: KeptWorkspace, parent: string) => unknown>> = {
  "appends to the request": ({ requestFile }) =>
    Deno.writeTextFileSync(requestFile, "more", { append: true }),
  "empties the request": ({ requestFile }) => Deno.truncateSync(requestFile),
  ...forEachFile("removes it", (file) => Deno.removeSync(file)),
  ...forEachFile("renames over it", (file) => {
    Deno.writeTextFileSync(`${file}.new`, "renamed");
    Deno.renameSync(`${file}.new`, file);
  }),
  ...forEachFile("renames it", (file) => Deno.renameSync(file, `${file}.old`)),
  ...forEachFile("puts a link in its place", (file, parent) => {
    Deno.removeSync(file);
    Deno.symlinkSync(`${parent}/secret`, file);
  }),
  ...forEachFile("puts a dangling link in its place", (file, parent) => {
    Deno.removeSync(file);
    Deno.symlinkSync(`${parent}/missing`, file);
  }),
  ...forEachFile("puts a hard link in its place", (file, parent) => {
    Deno.removeSync(file);
    Deno.linkSync(`${parent}/secret`, file);
  }),
  ...forEachFile("puts a FIFO in its place", (file) => {
    Deno.removeSync(file);
    return new Deno.Command("mkfifo", { args: [file] }).output();
  }),
  ...forEachFile("puts a folder in its place", (file) => {
    Deno.removeSync(file);
    Deno.mkdirSync(`${file}/in/it`, { recursive: true });
    Deno.writeTextFileSync(`${file}/in/it/file`, "x");
  }),
  ...forEachFile("takes its mode away", (file) => Deno.chmodSync(file, 0)),
  ...forEachFile("opens it for everyone", (file) => Deno.chmodSync(file, 0o666)),
  ...forEachFile("makes it very large", (file) => Deno.truncateSync(file, largeFileBytes + 1)),
  ...forEachFile("removes it when it is very large", (file) => {
    Deno.truncateSync(file, largeFileBytes + 1);
    Deno.removeSync(file);
  }),
  "swaps the files": ({ requestFile, responseFile }) => {
    Deno.renameSync(requestFile, `${requestFile}.old`);
    Deno.renameSync(responseFile, requestFile);
    Deno.renameSync(`${requestFile}.old`, responseFile);
  },
  "links one to the other": ({ requestFile, responseFile }) => {
    Deno.removeSync(responseFile);
    Deno.linkSync(requestFile, responseFile);
  },
  "leaves files": ({ folder }) => {
    for (let file = 0; file < 12; file++) Deno.writeTextFileSync(`${folder}/scratch ${file}`, "x");
  },
  "leaves a very large file": ({ folder }) => {
    Deno.writeTextFileSync(`${folder}/large`, "x");
    Deno.truncateSync(`${folder}/large`, largeFileBytes + 1);
  },
  "leaves links": ({ folder }, parent) => {
    Deno.symlinkSync(`${parent}/secret`, `${folder}/link`);
    Deno.symlinkSync(parent, `${folder}/link to a folder`);
    Deno.linkSync(`${parent}/secret`, `${folder}/hard link`);
  },
  "leaves deep folders": ({ folder }) =>
    Deno.mkdirSync(`${folder}/${"a/".repeat(300)}`, { recursive: true }),
  "leaves a closed folder": ({ folder }) => {
    Deno.mkdirSync(`${folder}/closed/inner`, { recursive: true });
    Deno.chmodSync(`${folder}/closed/inner`, 0);
    Deno.chmodSync(`${folder}/closed`, 0);
  },
  "leaves a folder named like that of a form": ({ folder }) =>
    Deno.mkdirSync(`${folder}/request/x`, { recursive: true }),
  "closes its folder": ({ folder }) => Deno.chmodSync(folder, 0),
  "opens its folder for everyone": ({ folder }) => Deno.chmodSync(folder, 0o777),
};

function forEachFile(what: string, act: (file: string, parent: string) => unknown) {
  return {
    [`request: ${what}`]: ({ requestFile }: KeptWorkspace, parent: string) =>
      act(requestFile, parent),
    [`response: ${what}`]: ({ responseFile }: KeptWorkspace, parent: string) =>
      act(responseFile, parent),
  };
}

Deno.test("renew() makes good whatever a job has done, and writes nothing into files of others", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  Deno.writeTextFileSync(`${parent}/secret`, "secret");
  for (const staysOpen of bothWays) {
    const workspace = await createKeptWorkspace(spool, names, staysOpen);
    for (const read of ["readResponse", "openResponse", undefined] as const) {
      for (const [deed, act] of Object.entries(deeds)) {
        await workspace.put(inputOf(bytesOf(10)));
        Deno.writeFileSync(workspace.responseFile, bytesOf(10));
        await act(workspace, parent);
        (read && await workspace[read](100))?.data.file?.close();
        await workspace.renew();
        assertReady(workspace, deed);
        await runTwoJobs(workspace, deed);
      }
    }
    await workspace.remove();
  }
  assert.deepEqual(filesIn(spool.path), []);
  assert.deepEqual(filesIn(parent), ["secret", "spool"]);
  assert.equal(Deno.readTextFileSync(`${parent}/secret`), "secret");
  assert.equal(modeOf(`${parent}/secret`), 0o644);
  await eventually("every file is closed", () => openFilesIn(parent).length === 0);
});

/** Counts how often folders are listed. */
function watchListings(): Disposable & { readonly count: number } {
  const { readDirSync } = Deno;
  let count = 0;
  Deno.readDirSync = (path) => {
    count++;
    return readDirSync(path);
  };
  return {
    get count() {
      return count;
    },
    [Symbol.dispose]: () => void Object.assign(Deno, { readDirSync }),
  };
}

Deno.test("renew() does not list a folder in which no name has changed", async () => {
  using temporary = temporarySpool();
  let now = 0;
  for (const staysOpen of bothWays) {
    const workspace = await createKeptWorkspace(temporary.spool, names, staysOpen, () => now);
    {
      using listings = watchListings();
      await workspace.renew();
      now += 2000;
      await workspace.renew();
      assert.equal(listings.count, 2);
      for (let job = 0; job < 3; job++) {
        await workspace.put(inputOf(bytesOf(10)));
        Deno.writeFileSync(workspace.responseFile, bytesOf(10));
        await workspace.renew();
      }
      assert.equal(listings.count, staysOpen ? 2 : 5);
    }
    await runTwoJobs(workspace, "unchanged");
    await workspace.remove();
  }
});

/** Makes workspaces, one for each deed, whose folders are not listed any more as long as no name in them changes. */
async function knownWorkspaces(spool: Spool): Promise<KeptWorkspace[]> {
  let now = 0;
  const workspaces: KeptWorkspace[] = [];
  for (const _deed of Object.keys(deeds)) {
    const workspace = await createKeptWorkspace(spool, names, true, () => now);
    await workspace.renew();
    now += 2000;
    await workspace.renew();
    workspaces.push(workspace);
  }
  using listings = watchListings();
  for (const workspace of workspaces) await workspace.renew();
  assert.equal(listings.count, 0);
  await nextModificationTime(workspaces.at(-1)?.folder ?? "");
  return workspaces;
}

Deno.test("renew() makes good whatever a job has done in a folder that it does not list any more", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  Deno.writeTextFileSync(`${parent}/secret`, "secret");
  const workspaces = await knownWorkspaces(spool);
  for (const [deed, act] of Object.entries(deeds)) {
    const workspace = workspaces.pop() as KeptWorkspace;
    await workspace.put(inputOf(bytesOf(10)));
    Deno.writeFileSync(workspace.responseFile, bytesOf(10));
    await act(workspace, parent);
    await workspace.renew();
    assertReady(workspace, deed);
    await workspace.remove();
  }
  assert.deepEqual(filesIn(spool.path), []);
  assert.equal(Deno.readTextFileSync(`${parent}/secret`), "secret");
  await eventually("every file is closed", () => openFilesIn(parent).length === 0);
});

Deno.test("renew() and put() make good whatever a job without a response has done in such a folder", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  Deno.writeTextFileSync(`${parent}/secret`, "secret");
  const workspaces = await knownWorkspaces(spool);
  for (const [deed, act] of Object.entries(deeds)) {
    const workspace = workspaces.pop() as KeptWorkspace;
    await workspace.put(inputOf(bytesOf(10)));
    await act(workspace, parent);
    await workspace.renew();
    await runTwoJobs(workspace, deed);
    await workspace.remove();
  }
  assert.deepEqual(filesIn(spool.path), []);
  assert.equal(Deno.readTextFileSync(`${parent}/secret`), "secret");
  await eventually("every file is closed", () => openFilesIn(parent).length === 0);
});

Deno.test("put() repairs what a process did before its job, whatever the kind of the payload", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  Deno.writeTextFileSync(`${parent}/secret`, "secret");
  const inputs = [
    () => inputOf(bytesOf(9)),
    () => inputOf(bytesOf(smallFileBytes + 1)),
    () => bodyIn(spool, bytesOf(9)),
    () => bodyIn(spool, bytesOf(smallFileBytes + 1)),
    () => formIn(spool, bytesOf(9)),
  ];
  for (const staysOpen of bothWays) {
    const workspace = await createKeptWorkspace(spool, names, staysOpen);
    for (const [deed, act] of Object.entries(deeds)) {
      for (const input of inputs) {
        await act(workspace, parent);
        const arrived = input();
        await workspace.put(arrived);
        const length = arrived.kind === "bytes" ? arrived.bytes.length : arrived.length;
        assert.deepEqual(Deno.readFileSync(workspace.requestFile), bytesOf(length), deed);
        assert.equal(Deno.lstatSync(workspace.responseFile).size, 0, deed);
        await workspace.renew();
        assertReady(workspace, deed);
      }
    }
    await workspace.remove();
  }
  assert.deepEqual(filesIn(spool.path), []);
  assert.equal(Deno.readTextFileSync(`${parent}/secret`), "secret");
  await eventually("every file is closed", () => openFilesIn(parent).length === 0);
});

Deno.test("a file that a job gave a second name is never written again", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  for (const staysOpen of bothWays) {
    const workspace = await createKeptWorkspace(spool, names, staysOpen);
    await workspace.put(inputOf(bytesOf(10)));
    Deno.writeTextFileSync(workspace.responseFile, "precious");
    Deno.linkSync(workspace.requestFile, `${parent}/request`);
    Deno.linkSync(workspace.responseFile, `${parent}/response`);
    await workspace.renew();
    await runTwoJobs(workspace, "linked");
    assert.deepEqual(Deno.readFileSync(`${parent}/request`), bytesOf(10));
    assert.equal(Deno.readTextFileSync(`${parent}/response`), "precious");
    await workspace.remove();
    for (const name of ["request", "response"]) Deno.removeSync(`${parent}/${name}`);
  }
});

Deno.test("a very large file that a job moved away keeps its bytes", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  const workspace = await createKeptWorkspace(spool, names);
  Deno.truncateSync(workspace.responseFile, largeFileBytes + 1);
  Deno.renameSync(workspace.responseFile, `${parent}/saved`);
  await workspace.readResponse(100);
  await workspace.renew();
  await workspace.remove();
  assert.deepEqual(openFilesIn(parent), []);
  assert.equal(Deno.statSync(`${parent}/saved`).size, largeFileBytes + 1);
});

Deno.test("readResponse() reads a renamed or deleted response, but no folder, link or FIFO", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  Deno.writeTextFileSync(`${parent}/secret`, "secret");
  const notRegular = "the response file is not a regular file and was not read";
  const cases: [string, string, string | undefined][] = [
    ["response: renames over it", "renamed", undefined],
    ["response: removes it", "", undefined],
    ["response: puts a hard link in its place", "secret", undefined],
    ["response: takes its mode away", "mine", undefined],
    ["closes its folder", "mine", undefined],
    ["response: puts a link in its place", "", notRegular],
    ["response: puts a FIFO in its place", "", notRegular],
    ["response: puts a folder in its place", "", notRegular],
  ];
  const workspace = await createKeptWorkspace(spool, names);
  for (const [deed, expected, message] of cases) {
    for (const read of ["readResponse", "openResponse"] as const) {
      Deno.writeTextFileSync(workspace.responseFile, "mine");
      await deeds[deed]?.(workspace, parent);
      const response = await workspace[read](100);
      assert.equal(new TextDecoder().decode(response.data.bytes), expected, deed);
      assert.equal(response.message, message, deed);
      await workspace.renew();
    }
  }
  await workspace.remove();
  assert.deepEqual(openFilesIn(parent), []);
});

Deno.test("renew() and put() reject when the folder is gone or replaced; then remove() leaves nothing", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  const other = `${parent}/other`;
  Deno.mkdirSync(other);
  Deno.writeTextFileSync(`${other}/file`, "");
  const losses: readonly ((folder: string) => void)[] = [
    () => {},
    (folder) => Deno.symlinkSync(other, folder),
    (folder) => Deno.mkdirSync(folder),
    (folder) => Deno.writeTextFileSync(folder, "x"),
  ];
  const inputs = [
    undefined,
    () => inputOf(bytesOf(1)),
    () => inputOf(bytesOf(smallFileBytes + 1)),
    () => bodyIn(spool, bytesOf(1)),
    () => formIn(spool, bytesOf(1)),
  ];
  for (const staysOpen of bothWays) {
    for (const replace of losses) {
      for (const input of inputs) {
        const workspace = await createKeptWorkspace(spool, names, staysOpen);
        Deno.renameSync(workspace.folder, `${parent}/away`);
        replace(workspace.folder);
        await assert.rejects(input ? workspace.put(input()) : workspace.renew());
        await workspace.remove();
        assert.deepEqual(filesIn(spool.path), []);
        Deno.removeSync(`${parent}/away`, { recursive: true });
      }
    }
  }
  assert.deepEqual(filesIn(other), ["file"]);
  assert.deepEqual(openFilesIn(parent), []);
});

Deno.test("readResponse() reports a response that was lost with the folder or the spool", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  for (const place of ["folder", "spool"] as const) {
    const workspace = await createKeptWorkspace(spool, names);
    Deno.writeTextFileSync(workspace.responseFile, "precious");
    Deno.removeSync(place === "spool" ? spool.path : workspace.folder, { recursive: true });
    const { data, message } = await workspace.readResponse(100);
    assert.equal(data.bytes.length, 0);
    assert.match(message ?? "", /^the job's folder was removed or replaced/);
    await assert.rejects(workspace.renew(), Deno.errors.NotFound);
    await workspace.remove();
  }
  assert.deepEqual(filesIn(spool.path), []);
});

Deno.test("renew() rejects when the folder was so full that it would stay slow to list", async () => {
  using temporary = temporarySpool();
  const workspace = await createKeptWorkspace(temporary.spool, names);
  const long = "x".repeat(200);
  for (let file = 0; Deno.lstatSync(workspace.folder).size <= 256 * 1024; file++) {
    Deno.writeTextFileSync(`${workspace.folder}/${long}${file}`, "");
  }
  await assert.rejects(workspace.renew(), /too many files were in it to use it again/);
  await workspace.remove();
  assert.deepEqual(filesIn(temporary.spool.path), []);
});

Deno.test("renew() rejects when a name is not UTF-8, whose file it cannot remove; remove() does", async () => {
  using temporary = temporarySpool();
  for (const make of ["touch", "mkdir"]) {
    const workspace = await createKeptWorkspace(temporary.spool, names);
    const script = `${make} "$0/$(printf 'left\\377')"`;
    const { success } = await new Deno.Command("sh", { args: ["-c", script, workspace.folder] })
      .output();
    assert.ok(success);
    const isListed = Array.from(Deno.readDirSync(workspace.folder)).length > 2;
    if (isListed) await assert.rejects(workspace.renew(), /a name that is not UTF-8 is in it/);
    else assert.match(Deno.version.deno, /^2\.7\./);
    await workspace.remove();
    assert.deepEqual(filesIn(temporary.spool.path), []);
  }
});

Deno.test("renew() removes many files in the background", async () => {
  using temporary = temporarySpool();
  const workspace = await createKeptWorkspace(temporary.spool, names);
  const { removeSync } = Deno;
  for (let file = 0; file < 100; file++) Deno.writeTextFileSync(`${workspace.folder}/${file}`, "");
  Deno.removeSync = (path) => assert.fail(`${path} is removed at once`);
  try {
    await workspace.renew();
  } finally {
    Deno.removeSync = removeSync;
  }
  assertReady(workspace, "many files");
  await workspace.remove();
});

Deno.test("put() puts nothing into another folder that a job has moved the files to", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  const other = `${parent}/other`;
  for (
    const input of [
      () => inputOf(bytesOf(smallFileBytes + 1)),
      () => bodyIn(spool, bytesOf(smallFileBytes + 1)),
      () => formIn(spool, bytesOf(1)),
    ]
  ) {
    const workspace = await createKeptWorkspace(spool, names);
    const { folder } = workspace;
    Deno.mkdirSync(other);
    for (const name of filesIn(folder)) Deno.renameSync(`${folder}/${name}`, `${other}/${name}`);
    Deno.removeSync(folder);
    Deno.symlinkSync(other, folder);
    await assert.rejects(workspace.put(input()), /something else is in the folder's place/);
    for (const name of filesIn(other)) assert.equal(Deno.lstatSync(`${other}/${name}`).size, 0);
    assert.equal(filesIn(other).length, 2);
    await workspace.remove();
    Deno.removeSync(other, { recursive: true });
    assert.deepEqual(filesIn(spool.path), []);
  }
});

Deno.test("remove() checks the spool first, whatever was read before", async () => {
  using temporary = temporarySpool();
  let looks = 0;
  const spool = {
    ...temporary.spool,
    ensure: () => temporary.spool.ensure().then(() => void looks++),
  };
  const workspace = await createKeptWorkspace(spool, names, false);
  await workspace.readResponse(1);
  looks = 0;
  await workspace.remove();
  assert.equal(looks, 1);
});

Deno.test("renew() rejects when something cannot be removed", async () => {
  using temporary = temporarySpool();
  const workspace = await createKeptWorkspace(temporary.spool, names);
  Deno.writeTextFileSync(`${workspace.folder}/kept`, "");
  const { removeSync } = Deno;
  Deno.removeSync = () => {
    throw new Deno.errors.PermissionDenied("it is somebody else's");
  };
  try {
    await assert.rejects(workspace.renew(), Deno.errors.PermissionDenied);
  } finally {
    Deno.removeSync = removeSync;
  }
  await workspace.remove();
  assert.deepEqual(openFilesIn(temporary.parent), []);
});

Deno.test("renew() and remove() free the space of very large files in the background", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  const { removeSync } = Deno;
  const { truncateSync } = Deno.FsFile.prototype;
  for (const staysOpen of bothWays) {
    for (const read of [true, false]) {
      const workspace = await createKeptWorkspace(spool, names, staysOpen);
      const large = [workspace.requestFile, workspace.responseFile];
      const enlarge = () => large.forEach((file) => Deno.truncateSync(file, largeFileBytes + 1));
      enlarge();
      const atOnce: string[] = [];
      Deno.removeSync = (path, options) => {
        atOnce.push(String(path));
        removeSync(path, options);
      };
      Deno.FsFile.prototype.truncateSync = () => assert.fail("it is truncated at once");
      try {
        if (read) await workspace.readResponse(1);
        await workspace.renew();
        enlarge();
        if (read) await workspace.readResponse(1);
        await workspace.remove();
      } finally {
        Object.assign(Deno, { removeSync });
        Object.assign(Deno.FsFile.prototype, { truncateSync });
      }
      assert.deepEqual(atOnce, []);
    }
  }
  assert.deepEqual(filesIn(spool.path), []);
  await eventually("every file is closed", () => openFilesIn(parent).length === 0);
});

Deno.test("openResponse() leaves more than a little in an open file, which no later job writes", async () => {
  for (const staysOpen of bothWays) {
    using temporary = temporarySpool();
    const { spool } = temporary;
    const workspace = await createKeptWorkspace(spool, names, staysOpen);
    using removals = watchRemovals();
    const files = [];
    for (const size of [1, smallOutputBytes, smallOutputBytes + 1, 200_000, largeFileBytes + 1]) {
      await workspace.put(inputOf(bytesOf(1)));
      Deno.writeFileSync(workspace.responseFile, bytesOf(size, size));
      const { data, message } = await workspace.openResponse(Infinity);
      assert.deepEqual([data.truncated, message], [false, undefined]);
      if (size <= smallOutputBytes) {
        assert.deepEqual(data, { bytes: bytesOf(size, size), truncated: false });
      } else if (data.file) files.push({ file: data.file, size });
      await workspace.renew();
      await runTwoJobs(workspace, String(size));
    }
    assert.equal(filesIn(spool.path).filter((name) => name.startsWith("output-")).length, 1);
    await workspace.remove();
    assert.equal(files.length, 3);
    for (const { file, size } of files) {
      assert.equal(file.length, size);
      const end = new Uint8Array(10);
      assert.equal(await file.read(size - 5, end), 5);
      assert.deepEqual(end.subarray(0, 5), bytesOf(size, size).subarray(size - 5));
      file.close();
    }
    assert.deepEqual(openFilesIn(spool.path), []);
    await eventually("its name is gone", () => isEmpty(spool.path));
    await removals.ended();
  }
});

Deno.test("renew() rejects while an open response cannot be removed, as on Windows", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const workspace = await createKeptWorkspace(spool, names, false);
  Deno.writeFileSync(workspace.responseFile, bytesOf(100_000));
  const { file } = (await workspace.openResponse(Infinity)).data;
  using removals = watchRemovals();
  using _kept = keepOpenFiles();
  await assert.rejects(workspace.renew(), /it is open/);
  await assert.rejects(workspace.remove(), /it is open/);
  file?.close();
  await eventually("the close removes the folder", () => isEmpty(spool.path));
  await removals.ended();
});

Deno.test("put() takes a body from the folder that it arrived in, and removes that folder", async () => {
  for (const staysOpen of bothWays) {
    using temporary = temporarySpool();
    const { spool } = temporary;
    const workspace = await createKeptWorkspace(spool, names, staysOpen);
    const { requestFile } = workspace;
    for (const size of [0, 1, smallFileBytes, smallFileBytes + 1, largeFileBytes + 1, 3]) {
      await workspace.put(bodyIn(spool, bytesOf(size)));
      assert.deepEqual([workspace.requestFile, workspace.requestFolder], [requestFile, ""]);
      assert.ok(Buffer.from(Deno.readFileSync(requestFile)).equals(bytesOf(size)), String(size));
      assert.equal(filesIn(spool.path).length, 3, "only the kept folder and its files");
      await workspace.renew();
      await runTwoJobs(workspace, String(size));
    }
    await workspace.remove();
  }
});

Deno.test("put() takes the parts of a form from the folder that they arrived in", async () => {
  for (const staysOpen of bothWays) {
    using temporary = temporarySpool();
    const { spool } = temporary;
    const workspace = await createKeptWorkspace(spool, names, staysOpen);
    const { folder, requestFile: fixed } = workspace;
    for (let round = 0; round < 2; round++) {
      await workspace.put(formIn(spool, bytesOf(10, round)));
      assert.equal(workspace.requestFolder, `${folder}/request`);
      assert.equal(workspace.requestFile, `${folder}/request/001`);
      assert.deepEqual(Deno.readFileSync(workspace.requestFile), bytesOf(10, round));
      assert.deepEqual(filesIn(`${folder}/request`), ["001", "parts.json"]);
      assert.equal(Deno.lstatSync(fixed).size, 0);
      assert.deepEqual([...Deno.readDirSync(spool.path)].length, 1);
      await workspace.renew();
      assert.equal(workspace.requestFile, fixed);
      await runTwoJobs(workspace, "after a form");
    }
    await workspace.put(formIn(spool, bytesOf(10)));
    await workspace.remove();
    assert.deepEqual(filesIn(spool.path), []);
  }
});

Deno.test("put() rejects a payload that is not where it says, and leaves nothing of its folder", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  const other = `${parent}/other`;
  Deno.mkdirSync(other);
  Deno.writeTextFileSync(`${other}/001`, "secret");
  const body = () => bodyIn(spool, bytesOf(1));
  const form = () => formIn(spool, bytesOf(1));
  const wrong = [
    ...["../../other/001", `${other}/001`, ".", "..", "", "gone"].map((name) => () => ({
      ...body(),
      name,
    })),
    ...["../../other", ".", "..", "", "gone"].map((name) => () => ({ ...form(), name })),
    ...["../../../other/001", ".", "..", "", "002"].map((first) => () => ({ ...form(), first })),
    () => {
      const input = body();
      Deno.removeSync(`${input.folder}/body`);
      Deno.symlinkSync(`${other}/001`, `${input.folder}/body`);
      return input;
    },
    async () => {
      const input = body();
      Deno.removeSync(`${input.folder}/body`);
      await new Deno.Command("mkfifo", { args: [`${input.folder}/body`] }).output();
      return input;
    },
    () => {
      const input = form();
      Deno.removeSync(`${input.folder}/request`, { recursive: true });
      Deno.symlinkSync(other, `${input.folder}/request`);
      return input;
    },
  ];
  for (const input of wrong) {
    const workspace = await createKeptWorkspace(spool, names);
    await assert.rejects(workspace.put(await input()), Error);
    assert.equal([...Deno.readDirSync(spool.path)].length, 1, "the payload's folder is gone");
    await workspace.remove();
    assert.deepEqual(filesIn(spool.path), []);
  }
  const workspace = await createKeptWorkspace(spool, names);
  await assert.rejects(workspace.put({ ...body(), folder: other }), /must be the folder of a job/);
  await workspace.remove();
  assert.equal(Deno.readTextFileSync(`${other}/001`), "secret");
  assert.deepEqual(openFilesIn(parent), []);
});

Deno.test("put() leaves a payload's folder that cannot be removed to a later removal", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const workspace = await createKeptWorkspace(spool, names);
  const input = bodyIn(spool, bytesOf(3));
  Deno.writeTextFileSync(`${input.folder}/more`, "");
  const { remove } = Deno;
  Deno.remove = () => Promise.reject(new Error("not now"));
  try {
    await workspace.put(input);
  } finally {
    Deno.remove = remove;
  }
  assert.deepEqual(Deno.readFileSync(workspace.requestFile), bytesOf(3));
  assert.deepEqual([...spool.leftovers], [input.folder]);
  using removals = watchRemovals();
  await workspace.remove();
  await eventually("it is gone", () => isEmpty(spool.path));
  await removals.ended();
});

Deno.test("put() rejects when the disk is full, and remove() leaves nothing", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  const inputs = [
    () => inputOf(bytesOf(1)),
    () => inputOf(bytesOf(smallFileBytes + 1)),
    () => bodyIn(spool, bytesOf(1)),
  ];
  for (const staysOpen of bothWays) {
    for (const input of inputs) {
      const workspace = await createKeptWorkspace(spool, names, staysOpen);
      const arrived = input();
      {
        using _full = fullDisk();
        await assert.rejects(workspace.put(arrived), { code: "ENOSPC" });
      }
      await workspace.remove();
      assert.deepEqual([filesIn(spool.path), openFilesIn(parent)], [[], []]);
    }
  }
});

Deno.test("restore() makes the two files ready again, and leaves what a process has made while it started", async () => {
  for (const staysOpen of bothWays) {
    using temporary = temporarySpool();
    const workspace = await createKeptWorkspace(temporary.spool, names, staysOpen);
    const own = `${workspace.folder}/own`;
    Deno.writeTextFileSync(own, "of the process");
    Deno.removeSync(workspace.requestFile);
    Deno.writeTextFileSync(workspace.responseFile, "late");
    await workspace.restore();
    await workspace.put(bodyIn(temporary.spool, bytesOf(5)));
    assert.deepEqual(Deno.readFileSync(workspace.requestFile), bytesOf(5));
    assert.equal(Deno.lstatSync(workspace.responseFile).size, 0);
    assert.equal(Deno.readTextFileSync(own), "of the process");
    await workspace.renew();
    assertReady(workspace, "renewed");
    Deno.removeSync(workspace.folder, { recursive: true });
    await assert.rejects(workspace.restore());
    await workspace.remove();
  }
});
