import assert from "node:assert/strict";
import { createWorkspace, type Workspace } from "../../src/spool/workspace.ts";
import type { JobInput } from "../../src/jobs/job.ts";
import { makeJobFolder } from "../../src/spool/job_folder.ts";
import type { Spool } from "../../src/spool/spool.ts";
import { isOpen } from "../support/open_files.ts";
import { filesIn, temporarySpool } from "../support/spool.ts";

const payload = new Uint8Array([0, 1, 2, 255]);
const input = { kind: "bytes" as const, bytes: payload };
const names = {
  workerId: 3,
  id: "some id/../x",
  requestSuffix: "",
  responseSuffix: "",
};

Deno.test("createWorkspace() makes a 0700 folder with two 0600 files, named after worker and id", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const workspace = await createWorkspace(spool, input, names);
  const [folder = "", request = "", response = ""] = filesIn(spool.path);
  assert.match(folder, /^job-[0-9a-f]{16}$/);
  assert.match(request, /^job-[0-9a-f]{16}\/jobdata_w_3_id_some_id_\.\._x_req_[0-9a-f]{16}$/);
  assert.match(response, /^job-[0-9a-f]{16}\/jobdata_w_3_id_some_id_\.\._x_res_[0-9a-f]{1,16}$/);
  assert.equal(workspace.folder, `${spool.path}/${folder}`);
  assert.equal((Deno.statSync(workspace.folder).mode ?? 0) & 0o777, 0o700);
  assert.equal(workspace.requestFile, `${spool.path}/${request}`);
  assert.deepEqual(Deno.readFileSync(workspace.requestFile), payload);
  assert.equal(Deno.statSync(workspace.responseFile).size, 0);
  for (const file of [workspace.requestFile, workspace.responseFile]) {
    assert.equal((Deno.statSync(file).mode ?? 0) & 0o777, 0o600);
  }
  await workspace.remove();
  assert.deepEqual(filesIn(spool.path), []);
});

Deno.test("createWorkspace() ends the names of both files with their suffixes", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const workspace = await createWorkspace(spool, input, {
    ...names,
    requestSuffix: ".png",
    responseSuffix: " ä.gif",
  });
  const [, request = "", response = ""] = filesIn(spool.path);
  assert.match(request, /_req_[0-9a-f]{16}\.png$/);
  assert.match(response, /_res_[0-9a-f]{1,16} ä\.gif$/);
  assert.equal(workspace.requestFile, `${spool.path}/${request}`);
  Deno.writeTextFileSync(workspace.responseFile, "GIF89a");
  const { data } = await workspace.readResponse(100);
  assert.equal(new TextDecoder().decode(data.bytes), "GIF89a");
  await workspace.remove();
  assert.deepEqual(filesIn(spool.path), []);
});

Deno.test("createWorkspace() keeps names within the file system's limit for the longest id and suffix", async () => {
  using temporary = temporarySpool();
  const workspace = await createWorkspace(temporary.spool, input, {
    ...names,
    workerId: 1024,
    id: "😀".repeat(1024),
    requestSuffix: "😀".repeat(8),
    responseSuffix: "x".repeat(32),
  });
  await workspace.remove();
});

Deno.test("createWorkspace() writes a payload of any size whole", async () => {
  using temporary = temporarySpool();
  for (const size of [1, 256 * 1024, 256 * 1024 + 1, 3 * 2 ** 20]) {
    const large = new Uint8Array(size).map((_, index) => index % 251);
    const workspace = await createWorkspace(
      temporary.spool,
      { kind: "bytes", bytes: large },
      names,
    );
    Deno.copyFileSync(workspace.requestFile, workspace.responseFile);
    assert.deepEqual(Deno.readFileSync(workspace.requestFile), large);
    assert.deepEqual((await workspace.readResponse(Infinity)).data, {
      bytes: large,
      truncated: false,
    });
    await workspace.remove();
  }
});

Deno.test("readResponse() cuts a response at the limit and marks it as truncated", async () => {
  using temporary = temporarySpool();
  const workspace = await createWorkspace(temporary.spool, input, names);
  Deno.writeTextFileSync(workspace.responseFile, "123456");
  const text = async (limit: number) => {
    const { data } = await workspace.readResponse(limit);
    return [new TextDecoder().decode(data.bytes), data.truncated];
  };
  assert.deepEqual(await text(5), ["12345", true]);
  assert.deepEqual(await text(6), ["123456", false]);
  await workspace.remove();
});

Deno.test("readResponse() reads a renamed or deleted response, but no folder, link or FIFO", async () => {
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
    const workspace = await createWorkspace(spool, input, names);
    Deno.removeSync(workspace.responseFile);
    await change(workspace.responseFile);
    const response = await workspace.readResponse(100);
    assert.equal(new TextDecoder().decode(response.data.bytes), expected, name);
    assert.equal(response.message, message, name);
    await workspace.remove();
    assert.deepEqual(filesIn(spool.path), [], name);
  }
  assert.equal(Deno.readTextFileSync(`${parent}/secret`), "secret");
});

Deno.test("remove() removes whatever the command made of its folder, and nothing outside", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  const other = `${parent}/other`;
  Deno.mkdirSync(other);
  Deno.writeTextFileSync(`${other}/file`, "");
  const deeds: readonly ((folder: string) => void)[] = [
    (folder) => Deno.writeTextFileSync(`${folder}/scratch`, "x"),
    (folder) => Deno.mkdirSync(`${folder}/a/b/c`, { recursive: true }),
    (folder) => {
      Deno.mkdirSync(`${folder}/closed/inner`, { recursive: true });
      Deno.writeTextFileSync(`${folder}/closed/inner/file`, "x");
      Deno.chmodSync(`${folder}/closed/inner`, 0);
      Deno.chmodSync(`${folder}/closed`, 0);
    },
    (folder) => Deno.symlinkSync(other, `${folder}/link`),
    (folder) => Deno.chmodSync(folder, 0),
    (folder) => Deno.removeSync(folder, { recursive: true }),
    (folder) => {
      Deno.removeSync(folder, { recursive: true });
      Deno.symlinkSync(other, folder);
    },
    (folder) => {
      Deno.removeSync(folder, { recursive: true });
      Deno.writeTextFileSync(folder, "x");
    },
    (folder) => Deno.chmodSync(folder, 0o500),
    (folder) => {
      Deno.chmodSync(folder, 0o500);
      Deno.chmodSync(spool.path, 0o500);
    },
    (folder) => {
      for (const { name } of [...Deno.readDirSync(folder)]) {
        Deno.linkSync(`${folder}/${name}`, `${folder}/${name}.other`);
      }
    },
    (folder) => {
      for (const { name } of [...Deno.readDirSync(folder)]) {
        if (name.includes("_res_")) continue;
        Deno.removeSync(`${folder}/${name}`);
        Deno.mkdirSync(`${folder}/${name}`);
        Deno.symlinkSync(`${other}/file`, `${folder}/${name}/link`);
      }
    },
    (folder) => {
      for (const { name } of [...Deno.readDirSync(folder)]) {
        Deno.removeSync(`${folder}/${name}`);
        Deno.symlinkSync(`${other}/file`, `${folder}/${name}`);
      }
    },
  ];
  const looks: readonly ((workspace: Workspace) => unknown)[] = [
    () => {},
    (workspace) => workspace.readResponse(100),
    (workspace) => workspace.openResponse(100),
  ];
  for (const deed of deeds) {
    for (const look of looks) {
      const workspace = await createWorkspace(spool, input, names);
      deed(workspace.folder);
      await look(workspace);
      await workspace.remove();
      assert.deepEqual(filesIn(spool.path), []);
    }
  }
  assert.deepEqual(filesIn(other), ["file"]);
});

const notRead = "the job's folder was removed or replaced, so the response file was not read";

Deno.test("readResponse() reports a response that was lost with the job's folder or the spool", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  for (const place of ["folder", "spool"] as const) {
    const workspace = await createWorkspace(spool, input, names);
    Deno.writeTextFileSync(workspace.responseFile, "precious");
    Deno.removeSync(place === "spool" ? spool.path : workspace.folder, { recursive: true });
    const { data, message } = await workspace.readResponse(100);
    assert.deepEqual([data.bytes.length, message], [0, notRead]);
    await workspace.remove();
    assert.deepEqual(filesIn(spool.path), []);
  }
});

Deno.test("readResponse() and openResponse() follow no link in the place of the job's folder or of the spool", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  const places = ["folder", "spool"] as const;
  for (const read of ["readResponse", "openResponse"] as const) {
    for (
      const [place, text] of places.flatMap((place) => [[place, "other"], [place, ""]] as const)
    ) {
      const workspace = await createWorkspace(spool, input, names);
      const path = place === "spool" ? spool.path : workspace.folder;
      const away = `${parent}/${place}.away`;
      Deno.renameSync(path, away);
      Deno.symlinkSync(away, path);
      Deno.writeTextFileSync(workspace.responseFile, text);
      const moved = filesIn(away);
      const { data, message } = await workspace[read](100);
      assert.equal(data.bytes.length, 0);
      assert.equal(message, notRead);
      await workspace.remove();
      assert.deepEqual(filesIn(spool.path), []);
      assert.deepEqual(filesIn(away), moved, "what was moved is left alone");
      Deno.removeSync(away, { recursive: true });
    }
  }
});

Deno.test("readResponse() reads a response although the command set its folder's mode to 0", async () => {
  using temporary = temporarySpool();
  const workspace = await createWorkspace(temporary.spool, input, names);
  Deno.writeTextFileSync(workspace.responseFile, "there");
  Deno.chmodSync(workspace.folder, 0);
  const { data } = await workspace.readResponse(100);
  assert.equal(new TextDecoder().decode(data.bytes), "there");
  assert.equal((Deno.statSync(workspace.folder).mode ?? 0) & 0o777, 0o700);
  await workspace.remove();
});

Deno.test("createWorkspace() makes a lost spool again; if it cannot, it rejects and leaves nothing", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  Deno.removeSync(spool.path, { recursive: true });
  const workspace = await createWorkspace(spool, input, names);
  assert.deepEqual(Deno.readFileSync(workspace.requestFile), payload);
  Deno.removeSync(spool.path, { recursive: true });
  Deno.renameSync(parent, `${parent}.away`);
  await assert.rejects(createWorkspace(spool, input, names), Deno.errors.NotFound);
  assert.match(
    (await workspace.readResponse(1)).message ?? "",
    /^the response file could not be read: /,
  );
  Deno.renameSync(`${parent}.away`, parent);
  assert.deepEqual([...Deno.readDirSync(parent)], []);
});

Deno.test("createWorkspace() repairs a spool that is damaged between the check and the write", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  let looks = 0;
  const unlucky = {
    ...spool,
    async ensure() {
      await spool.ensure();
      if (looks++ === 0) Deno.removeSync(spool.path);
    },
  };
  const workspace = await createWorkspace(unlucky, input, names);
  assert.deepEqual(Deno.readFileSync(workspace.requestFile), payload);
  await workspace.remove();
});

Deno.test("createWorkspace() turns a payload in the job's folder into the request file there", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const { path: folder } = makeJobFolder(spool);
  Deno.writeFileSync(`${folder}/body`, payload);
  const file = { kind: "file" as const, folder, name: "body", length: payload.length };
  const workspace = await createWorkspace(spool, file, names);
  assert.equal(workspace.folder, folder);
  assert.deepEqual(Deno.readFileSync(workspace.requestFile), payload);
  assert.equal(filesIn(spool.path).length, 3, "the folder and the two files of the contract");
  await workspace.remove();
  assert.deepEqual(filesIn(spool.path), []);
});

Deno.test("createWorkspace() leaves no folder if the payload's file is missing, and keeps that error", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const fileIn = (folder: string) => ({ kind: "file" as const, folder, name: "gone", length: 1 });
  const first = makeJobFolder(spool);
  await assert.rejects(createWorkspace(spool, fileIn(first.path), names), Deno.errors.NotFound);
  assert.deepEqual(filesIn(spool.path), []);
  const second = makeJobFolder(spool);
  let looks = 0;
  const damaged = {
    ...spool,
    ensure: () => looks++ === 0 ? spool.ensure() : Promise.reject(new Error("damaged")),
  };
  await assert.rejects(createWorkspace(damaged, fileIn(second.path), names), Deno.errors.NotFound);
});

Deno.test("createWorkspace() makes and moves nothing behind a link in the place of the payload's folder", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  const away = `${parent}/away`;
  const inputs: readonly ((folder: string) => JobInput)[] = [
    (folder) => ({ kind: "file", folder, name: "body", length: payload.length }),
    (folder) => ({ kind: "parts", folder, name: ".", first: "body", length: payload.length }),
  ];
  for (const inputIn of inputs) {
    const { path: folder } = makeJobFolder(spool);
    Deno.writeFileSync(`${folder}/body`, payload);
    Deno.renameSync(folder, away);
    Deno.symlinkSync(away, folder);
    await assert.rejects(
      createWorkspace(spool, inputIn(folder), names),
      /something else is in the folder's place/,
    );
    assert.deepEqual(filesIn(away), ["body"]);
    assert.deepEqual(filesIn(spool.path), []);
    Deno.removeSync(away, { recursive: true });
  }
});

Deno.test("createWorkspace() writes nothing through a link in the place of the spool", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  const away = `${parent}/away`;
  Deno.renameSync(spool.path, away);
  Deno.symlinkSync(away, spool.path);
  const workspace = await createWorkspace(spool, input, names);
  assert.deepEqual(filesIn(away), []);
  await workspace.remove();
});

Deno.test("remove() checks the spool again only if a large response was read in between; an empty one needs no check", async () => {
  using temporary = temporarySpool();
  let looks = 0;
  const spool = {
    ...temporary.spool,
    ensure: () => temporary.spool.ensure().then(() => void looks++),
  };
  for (const [size, expected] of [[0, 1], [1, 2], [256 * 1024, 2], [256 * 1024 + 1, 3]] as const) {
    looks = 0;
    const workspace = await createWorkspace(spool, input, names);
    Deno.writeFileSync(workspace.responseFile, new Uint8Array(size));
    await workspace.readResponse(Infinity);
    await workspace.remove();
    assert.equal(looks, expected, String(size));
    assert.deepEqual(filesIn(spool.path), []);
  }
});

Deno.test("readResponse() reports a response too large for memory, and closes the file", async () => {
  using temporary = temporarySpool();
  const workspace = await createWorkspace(temporary.spool, input, names);
  Deno.truncateSync(workspace.responseFile, 2 ** 40);
  const { data, message } = await workspace.readResponse(Infinity);
  assert.equal(data.bytes.length, 0);
  assert.equal(
    message,
    "the response file could not be read: there is not enough memory for it",
  );
  Deno.writeTextFileSync(workspace.responseFile, "x");
  assert.equal((await workspace.readResponse(1)).data.bytes.length, 1);
  assert.equal(isOpen(workspace.responseFile), false);
  await workspace.remove();
});

Deno.test("readResponse() returns what is left of a response that shrinks during the read", async () => {
  using temporary = temporarySpool();
  const workspace = await createWorkspace(temporary.spool, input, names);
  const size = 3 * 2 ** 20;
  Deno.writeFileSync(workspace.responseFile, new Uint8Array(size));
  const reading = workspace.readResponse(Infinity);
  while (!isOpen(workspace.responseFile)) await Promise.resolve();
  Deno.truncateSync(workspace.responseFile, 1);
  const { data, message } = await reading;
  assert.ok(data.bytes.length < size, String(data.bytes.length));
  assert.equal(data.truncated, false);
  assert.equal(message, undefined);
  await workspace.remove();
});

Deno.test("createWorkspace() takes a payload file only from the job's own folder", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  Deno.writeTextFileSync(`${parent}/secret`, "secret");
  for (const name of ["../../secret", `${parent}/secret`, ".", "..", ""]) {
    const { path: folder } = makeJobFolder(spool);
    const file = { kind: "file" as const, folder, name, length: 1 };
    await assert.rejects(createWorkspace(spool, file, names), name);
    assert.deepEqual(filesIn(spool.path), []);
  }
  assert.equal(Deno.readTextFileSync(`${parent}/secret`), "secret");
});

Deno.test("createWorkspace() leaves a payload's folder to a later removal if the spool stays damaged", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const { path: folder } = makeJobFolder(spool);
  Deno.writeFileSync(`${folder}/body`, payload);
  const damaged = { ...spool, ensure: () => Promise.reject(new Error("damaged")) };
  const file = { kind: "file" as const, folder, name: "body", length: payload.length };
  await assert.rejects(createWorkspace(damaged, file, names), /damaged/);
  assert.deepEqual([...spool.leftovers], [folder]);
});

/** Makes the folder of a job with the parts of a form. */
function formIn(spool: Spool, first = "001") {
  const { path: folder } = makeJobFolder(spool);
  Deno.mkdirSync(`${folder}/request`);
  Deno.writeFileSync(`${folder}/request/001`, payload);
  return { kind: "parts" as const, folder, name: "request", first, length: payload.length };
}

Deno.test("createWorkspace() leaves the parts of a form where they are", async () => {
  using temporary = temporarySpool();
  const { spool } = temporary;
  const form = formIn(spool);
  const workspace = await createWorkspace(spool, form, names);
  assert.equal(workspace.folder, form.folder);
  assert.equal(workspace.requestFolder, `${form.folder}/request`);
  assert.equal(workspace.requestFile, `${form.folder}/request/001`);
  assert.deepEqual(Deno.readFileSync(workspace.requestFile), payload);
  assert.match(workspace.responseFile, /\/jobdata_w_3_id_some_id_.*_res_[0-9a-f]{1,16}$/);
  await workspace.remove();
  assert.deepEqual(filesIn(spool.path), []);
});

Deno.test("createWorkspace() takes the parts of a form only from the job's own folder", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  const other = `${parent}/other`;
  Deno.mkdirSync(other);
  Deno.writeTextFileSync(`${other}/001`, "secret");
  const wrong: readonly ((form: ReturnType<typeof formIn>) => JobInput)[] = [
    (form) => ({ ...form, name: "../../other" }),
    (form) => ({ ...form, first: "../../../other/001" }),
    (form) => ({ ...form, first: "002" }),
    (form) => ({ ...form, first: "." }),
    (form) => {
      Deno.removeSync(`${form.folder}/request`, { recursive: true });
      Deno.symlinkSync(other, `${form.folder}/request`);
      return form;
    },
    (form) => {
      Deno.removeSync(`${form.folder}/request/001`);
      Deno.symlinkSync(`${other}/001`, `${form.folder}/request/001`);
      return form;
    },
  ];
  for (const change of wrong) {
    await assert.rejects(createWorkspace(spool, change(formIn(spool)), names), Error);
    assert.deepEqual(filesIn(spool.path), []);
  }
  assert.equal(Deno.readTextFileSync(`${other}/001`), "secret");
});

Deno.test("remove() removes nothing behind a link in the place of the folder of the parts", async () => {
  using temporary = temporarySpool();
  const { spool, parent } = temporary;
  const other = `${parent}/other`;
  Deno.mkdirSync(other);
  Deno.writeTextFileSync(`${other}/001`, "somebody else's");
  const workspace = await createWorkspace(spool, formIn(spool), names);
  Deno.removeSync(workspace.requestFolder, { recursive: true });
  Deno.symlinkSync(other, workspace.requestFolder);
  await workspace.openResponse(100);
  await workspace.remove();
  assert.deepEqual(filesIn(spool.path), []);
  assert.deepEqual(filesIn(other), ["001"]);
});
