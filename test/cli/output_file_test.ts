import assert from "node:assert/strict";
import { openOutput } from "../../src/cli/output_file.ts";
import { temporaryFolder } from "../support/folder.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const read = Deno.readTextFileSync;
const namesIn = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
const modeOf = (path: string) => (Deno.statSync(path).mode ?? 0) & 0o7777;

async function writeOutput(path: string, text: string): Promise<void> {
  using output = openOutput(path);
  await output.write(bytes(text));
}

async function run(name: string, ...args: string[]): Promise<void> {
  assert.ok((await new Deno.Command(name, { args }).output()).success);
}

Deno.test("openOutput() creates a new file as a whole, with the mode that the umask gives", async () => {
  using folder = temporaryFolder();
  Deno.writeTextFileSync(`${folder.path}/other`, "");
  using output = openOutput(`${folder.path}/result`);
  assert.deepEqual(namesIn(folder.path), ["other"], "no file is created while the job runs");
  await output.write(bytes("new"));
  assert.equal(read(`${folder.path}/result`), "new");
  assert.equal(modeOf(`${folder.path}/result`), modeOf(`${folder.path}/other`));
  assert.deepEqual(namesIn(folder.path), ["other", "result"]);
});

Deno.test("openOutput() replaces an existing file in one step and keeps its mode and owner", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/result`;
  for (const mode of [0o600, 0o640, 0o444 | 0o200, 0o777]) {
    Deno.writeTextFileSync(path, "a longer text from before");
    Deno.chmodSync(path, mode);
    if (Deno.uid() === 0) Deno.chownSync(path, 1234, 4321);
    const before = Deno.statSync(path);
    using open = Deno.openSync(path);
    await writeOutput(path, "new");
    const { uid, gid } = Deno.statSync(path);
    assert.deepEqual([modeOf(path), uid, gid], [mode, before.uid, before.gid]);
    assert.equal(read(path), "new");
    assert.equal(open.statSync().size, before.size, "an open reader keeps the old file");
    Deno.removeSync(path);
  }
  assert.deepEqual(namesIn(folder.path), []);
});

Deno.test("openOutput() follows links, also one to a file that does not exist yet", async () => {
  using folder = temporaryFolder();
  Deno.mkdirSync(`${folder.path}/real/deep`, { recursive: true });
  Deno.mkdirSync(`${folder.path}/links`);
  // From there, ".." is the folder real, whatever the path to it looks like.
  Deno.symlinkSync("../real/deep", `${folder.path}/links/folder`);
  Deno.symlinkSync("../target", `${folder.path}/real/deep/link`);
  Deno.symlinkSync(`${folder.path}/links/folder/link`, `${folder.path}/first`);
  for (const text of ["new", "newer"]) {
    await writeOutput(`${folder.path}/first`, text);
    assert.equal(read(`${folder.path}/real/target`), text);
  }
  assert.ok(Deno.lstatSync(`${folder.path}/first`).isSymlink);
  assert.ok(Deno.lstatSync(`${folder.path}/real/deep/link`).isSymlink);
  assert.deepEqual(namesIn(`${folder.path}/real`), ["deep", "target"]);
});

Deno.test("openOutput() writes to a FIFO and leaves it a FIFO", async () => {
  using folder = temporaryFolder();
  const fifo = `${folder.path}/fifo`;
  await run("mkfifo", fifo);
  const reading = new Deno.Command("cat", { args: [fifo], stdout: "piped" }).spawn();
  await writeOutput(fifo, "through");
  assert.equal(new TextDecoder().decode((await reading.output()).stdout), "through");
  assert.ok(Deno.statSync(fifo).isFifo);
  // When there is no result, the reader does not wait forever.
  const unread = new Deno.Command("cat", { args: [fifo], stdout: "piped" }).spawn();
  openOutput(fifo)[Symbol.dispose]();
  assert.equal((await unread.output()).stdout.length, 0);
});

Deno.test("openOutput() writes to a device and leaves it a device", async () => {
  using folder = temporaryFolder();
  const link = `${folder.path}/device`;
  Deno.symlinkSync("/dev/null", link);
  await writeOutput(link, "gone");
  assert.ok(Deno.lstatSync(link).isSymlink && Deno.statSync(link).isCharDevice);
  Deno.removeSync(link);
  Deno.symlinkSync("/dev/full", link);
  await assert.rejects(writeOutput(link, "x"), {
    exit: 73,
    message: /device: cannot be written: No space left on device/,
  });
});

Deno.test("openOutput() keeps all hard links of a file one file", async () => {
  using folder = temporaryFolder();
  Deno.writeTextFileSync(`${folder.path}/one`, "before");
  Deno.linkSync(`${folder.path}/one`, `${folder.path}/two`);
  await writeOutput(`${folder.path}/one`, "new");
  assert.equal(read(`${folder.path}/two`), "new");
});

Deno.test("openOutput() accepts a name of the greatest length", async () => {
  using folder = temporaryFolder();
  const name = "n".repeat(255);
  for (const text of ["new", "newer"]) {
    await writeOutput(`${folder.path}/${name}`, text);
    assert.equal(read(`${folder.path}/${name}`), text);
  }
  assert.deepEqual(namesIn(folder.path), [name]);
});

Deno.test("openOutput() refuses at once what cannot be an output", () => {
  using folder = temporaryFolder();
  const at = (name: string) => `${folder.path}/${name}`;
  Deno.writeTextFileSync(at("file"), "");
  Deno.symlinkSync(folder.path, at("link_to_folder"));
  Deno.symlinkSync("loop", at("loop"));
  Deno.symlinkSync("missing/", at("link_to_no_folder"));
  using _socket = Deno.listen({ transport: "unix", path: at("socket") });
  const cases: [string, RegExp][] = [
    [folder.path, /it is a folder$/],
    [`${folder.path}/`, /it is a folder$/],
    [at("link_to_folder"), /it is a folder$/],
    [at("missing/"), /there is no such folder$/],
    [at("link_to_no_folder"), /there is no such folder$/],
    [at("missing/file"), /No such file or directory \(os error 2\)$/],
    [at("file/file"), /Not a directory/],
    [at("socket"), /it is a socket$/],
    [at("loop"), /Too many levels of symbolic links/],
    [at("n".repeat(256)), /File name too long/],
  ];
  for (const [path, sentence] of cases) {
    assert.throws(() => openOutput(path), { exit: 73, message: sentence });
  }
  assert.deepEqual(namesIn(folder.path), [
    "file",
    "link_to_folder",
    "link_to_no_folder",
    "loop",
    "socket",
  ]);
});

Deno.test("openOutput() checks again what lies at the path when the result is written", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/result`;
  using output = openOutput(path);
  Deno.mkdirSync(path);
  await assert.rejects(output.write(bytes("x")), { exit: 73, message: /it is a folder$/ });
  Deno.removeSync(path);
  Deno.writeTextFileSync(path, "theirs", { mode: 0o600 });
  await output.write(bytes("new"));
  assert.deepEqual([read(path), modeOf(path)], ["new", 0o600]);
});

Deno.test("openOutput().receive() changes nothing before commit, and leaves nothing without it", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/result`;
  const link = `${folder.path}/other`;
  for (const prepare of [() => {}, () => Deno.linkSync(path, link)]) {
    Deno.writeTextFileSync(path, "as it was");
    prepare();
    const before = namesIn(folder.path);
    using output = openOutput(path);
    {
      using dropped = output.receive();
      await dropped.write(new Uint8Array(3_000_000));
      assert.equal(read(path), "as it was");
    }
    assert.equal(read(path), "as it was");
    assert.deepEqual(namesIn(folder.path), before);
    using incoming = output.receive();
    await incoming.write(bytes("ne"));
    await incoming.write(bytes("w"));
    await incoming.commit();
    assert.equal(read(path), "new");
    assert.deepEqual(namesIn(folder.path), before);
  }
  assert.equal(read(link), "new", "both names are of one file");
});

Deno.test("openOutput().receive() puts the file where the path leads by then", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/result`;
  const receive = async (meanwhile: () => void) => {
    using output = openOutput(path);
    using incoming = output.receive();
    await incoming.write(bytes("new"));
    meanwhile();
    await incoming.commit();
  };
  await receive(() => Deno.writeTextFileSync(path, "theirs", { mode: 0o640 }));
  assert.deepEqual([read(path), modeOf(path)], ["new", 0o640]);
  await receive(() => Deno.linkSync(path, `${folder.path}/other`));
  assert.equal(read(`${folder.path}/other`), "new");
  Deno.removeSync(`${folder.path}/other`);
  await receive(() => {
    Deno.removeSync(path);
    Deno.symlinkSync("elsewhere", path);
  });
  assert.ok(Deno.lstatSync(path).isSymlink);
  assert.equal(read(`${folder.path}/elsewhere`), "new");
  assert.deepEqual(namesIn(folder.path), ["elsewhere", "result"]);
});
