import assert from "node:assert/strict";
import { StartError } from "../../src/isolate/start_error.ts";
import { openListenSocket } from "../../src/supervisor/listen_socket.ts";
import { temporaryFolder } from "../support/folder.ts";

/** The configuration of a socket in a folder. */
function socketIn(folder: string) {
  return { path: `${folder}/s`, opened: `${folder}/s.new/s` };
}

function listen(path: string): Deno.Listener {
  return Deno.listen({ transport: "unix", path });
}

/** Leaves a socket without a server: the runtime removes one only where it was opened. */
function leaveSocket(path: string): void {
  using _listener = listen(`${path}.opened`);
  Deno.renameSync(`${path}.opened`, path);
}

function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

Deno.test("publish() moves the opened socket to its path with its mode, out of a folder that only its owner may enter", async () => {
  using folder = temporaryFolder();
  const config = socketIn(folder.path);
  const before = Deno.umask(0);
  try {
    const socket = await openListenSocket(config, 0o640);
    assert.equal(Number(Deno.lstatSync(`${folder.path}/s.new`).mode) & 0o777, 0o700);
    using _listener = listen(config.opened);
    socket.publish();
    assert.equal(Number(Deno.lstatSync(config.path).mode) & 0o777, 0o640);
    (await Deno.connect({ transport: "unix", path: config.path })).close();
    socket.close();
    socket.close();
  } finally {
    Deno.umask(before);
  }
  assert.deepEqual(namesIn(folder.path), []);
});

Deno.test("publish() replaces the socket that it has published before, and nothing else", async () => {
  using folder = temporaryFolder();
  const config = socketIn(folder.path);
  const socket = await openListenSocket(config, 0o640);
  assert.throws(() => socket.publish(), Deno.errors.NotFound);
  using _first = listen(config.opened);
  socket.publish();
  const { ino } = Deno.lstatSync(config.path);
  using _second = listen(config.opened);
  socket.publish();
  assert.notEqual(Deno.lstatSync(config.path).ino, ino);
  Deno.removeSync(config.path);
  Deno.writeTextFileSync(config.path, "mine");
  using _third = listen(config.opened);
  assert.throws(() => socket.publish(), /another file has come into being there/);
  socket.close();
  assert.deepEqual(namesIn(folder.path), ["s"]);
  assert.equal(Deno.readTextFileSync(config.path), "mine");
});

Deno.test("close() leaves the socket of another server alone", async () => {
  using folder = temporaryFolder();
  const config = socketIn(folder.path);
  const socket = await openListenSocket(config, 0o640);
  using _own = listen(config.opened);
  socket.publish();
  Deno.removeSync(config.path);
  using _other = listen(config.path);
  socket.close();
  assert.deepEqual(namesIn(folder.path), ["s"]);
});

Deno.test("openListenSocket() removes what a server that was killed has left", async () => {
  using folder = temporaryFolder();
  const config = socketIn(folder.path);
  await openListenSocket(config, 0o640);
  leaveSocket(config.path);
  leaveSocket(config.opened);
  assert.deepEqual(namesIn(folder.path), ["s", "s.new"]);
  const second = await openListenSocket(config, 0o640);
  assert.deepEqual(namesIn(folder.path), ["s.new"]);
  assert.deepEqual(namesIn(`${folder.path}/s.new`), []);
  second.close();
});

/** Why the socket cannot be opened. */
async function refusal(folder: string): Promise<string> {
  try {
    await openListenSocket(socketIn(folder), 0o640);
  } catch (error) {
    assert.ok(error instanceof StartError);
    return error.message.replaceAll(folder, "");
  }
  return "";
}

Deno.test("openListenSocket() changes nothing where a server answers, or where something else is", async () => {
  using folder = temporaryFolder();
  const { path } = socketIn(folder.path);
  const listener = listen(path);
  const inUse = "cannot listen on unix:/s: it is in use: a server answers there";
  assert.equal(await refusal(folder.path), inUse);
  assert.deepEqual(namesIn(folder.path), ["s"]);
  listener.close();
  for (
    const make of [
      () => Deno.writeTextFileSync(path, ""),
      () => Deno.symlinkSync("/nowhere", path),
      () => Deno.mkdirSync(path),
    ]
  ) {
    make();
    const { ino } = Deno.lstatSync(path);
    const noSocket = "cannot listen on unix:/s: a file that is not a socket is there";
    assert.equal(await refusal(folder.path), noSocket);
    assert.equal(Deno.lstatSync(path).ino, ino);
    assert.deepEqual(namesIn(folder.path), ["s"]);
    Deno.removeSync(path);
  }
});

Deno.test("openListenSocket() removes neither a file nor a folder with files that has the name of its folder", async () => {
  using folder = temporaryFolder();
  Deno.writeTextFileSync(`${folder.path}/s.new`, "mine");
  assert.match(await refusal(folder.path), /^cannot listen on unix:\/s: /);
  assert.equal(Deno.readTextFileSync(`${folder.path}/s.new`), "mine");
  Deno.removeSync(`${folder.path}/s.new`);
  Deno.mkdirSync(`${folder.path}/s.new/mine`, { recursive: true });
  assert.match(await refusal(folder.path), /^cannot listen on unix:\/s: /);
  assert.deepEqual(namesIn(`${folder.path}/s.new`), ["mine"]);
});

Deno.test("openListenSocket() says why the folder cannot be made", async () => {
  using folder = temporaryFolder();
  assert.match(
    await refusal(`${folder.path}/none`),
    /^cannot listen on unix:\/s: .*No such file or directory/,
  );
});
