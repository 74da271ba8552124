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

Deno.test("publish() refuses what is not a socket, leaves the target of a link alone, and goes on with the next socket", async () => {
  using folder = temporaryFolder();
  const config = socketIn(folder.path);
  const socket = await openListenSocket(config, 0o666);
  const secret = `${folder.path}/secret`;
  Deno.writeTextFileSync(secret, "", { mode: 0o600 });
  for (
    const make of [
      () => Deno.writeTextFileSync(config.opened, "", { mode: 0o600 }),
      () => Deno.mkdirSync(`${config.opened}/deep/s`, { recursive: true }),
      () => Deno.linkSync(secret, config.opened),
      () => Deno.symlinkSync(secret, config.opened),
    ]
  ) {
    make();
    assert.throws(() => socket.publish(), /s\.new\/s: must be a socket$/);
    assert.deepEqual(namesIn(folder.path), ["s.new", "secret"]);
  }
  assert.equal(Number(Deno.lstatSync(secret).mode) & 0o777, 0o600);
  using _listener = listen(config.opened);
  socket.publish();
  assert.ok(Deno.lstatSync(config.path).isSocket);
  socket.close();
  assert.deepEqual(namesIn(folder.path), ["secret"]);
});

Deno.test("publish() has the socket out of the service's reach while it gives it its mode", async () => {
  using folder = temporaryFolder();
  const config = socketIn(folder.path);
  const socket = await openListenSocket(config, 0o640);
  using _listener = listen(config.opened);
  Deno.mkdirSync(config.path);
  assert.throws(() => socket.publish(), /another file has come into being there/);
  assert.deepEqual(namesIn(`${folder.path}/s.new`), ["taken"]);
  socket.close();
  assert.deepEqual(namesIn(folder.path), ["s"]);
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

Deno.test("close() leaves the folder of the next server alone, also when it is called again", async () => {
  using folder = temporaryFolder();
  const config = socketIn(folder.path);
  const first = await openListenSocket(config, 0o640);
  first.close();
  const second = await openListenSocket(config, 0o640);
  first.close();
  assert.deepEqual(namesIn(folder.path), ["s.new"]);
  Deno.renameSync(`${folder.path}/s.new`, `${folder.path}/old`);
  Deno.mkdirSync(`${folder.path}/s.new`);
  second.close();
  assert.deepEqual(namesIn(folder.path), ["old", "s.new"]);
});

Deno.test("openListenSocket() fails while another server has the folder, before and after it publishes", async () => {
  using folder = temporaryFolder();
  const config = socketIn(folder.path);
  const first = await openListenSocket(config, 0o640);
  const inUse =
    "cannot listen on unix:/s: it is in use: another server listens there, or starts to";
  assert.equal(await refusal(folder.path), inUse);
  {
    using _listener = listen(config.opened);
    assert.equal(await refusal(folder.path), inUse);
    first.publish();
    assert.equal(await refusal(folder.path), inUse);
  }
  // Nobody answers while the socket is opened again, as after too many open files.
  assert.equal(await refusal(folder.path), inUse);
  using _again = listen(config.opened);
  first.publish();
  (await Deno.connect({ transport: "unix", path: config.path })).close();
  first.close();
  assert.deepEqual(namesIn(folder.path), []);
});

Deno.test("openListenSocket() removes what a server that was killed has left", async () => {
  using folder = temporaryFolder();
  const config = socketIn(folder.path);
  Deno.mkdirSync(`${folder.path}/s.new`);
  for (const path of [config.path, config.opened, `${folder.path}/s.new/taken`]) leaveSocket(path);
  const second = await openListenSocket(config, 0o640);
  assert.deepEqual(namesIn(folder.path), ["s.new"]);
  assert.deepEqual(namesIn(`${folder.path}/s.new`), []);
  assert.equal(Number(Deno.lstatSync(`${folder.path}/s.new`).mode) & 0o777, 0o700);
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

Deno.test("openListenSocket() removes nothing from a file, a link or a folder with files that has the name of its folder", async () => {
  using folder = temporaryFolder();
  const place = `${folder.path}/s.new`;
  const notOurs =
    "cannot listen on unix:/s: /s.new: must be a folder of the server's user, or not exist";
  Deno.writeTextFileSync(place, "mine");
  assert.equal(await refusal(folder.path), notOurs);
  assert.equal(Deno.readTextFileSync(place), "mine");
  Deno.removeSync(place);
  Deno.mkdirSync(`${folder.path}/mine`);
  Deno.writeTextFileSync(`${folder.path}/mine/s`, "mine");
  Deno.symlinkSync("mine", place);
  assert.equal(await refusal(folder.path), notOurs);
  Deno.removeSync(place);
  Deno.writeTextFileSync(`${folder.path}/mine/t`, "mine");
  Deno.renameSync(`${folder.path}/mine`, place);
  assert.equal(await refusal(folder.path), "cannot listen on unix:/s: /s.new: must be empty");
  assert.deepEqual(namesIn(place), ["s", "t"]);
});

Deno.test("openListenSocket() does not enter a folder of another user", async () => {
  using folder = temporaryFolder();
  const place = `${folder.path}/s.new`;
  Deno.mkdirSync(place);
  Deno.writeTextFileSync(`${place}/s`, "theirs");
  // Only root can give a folder away: others look at one of root's.
  if (Deno.uid() === 0) Deno.chownSync(place, 65534, 65534);
  const config = Deno.uid() === 0 ? socketIn(folder.path) : { path: "/none", opened: "/usr/s" };
  await assert.rejects(openListenSocket(config, 0o640), /must be a folder of the server's user/);
  assert.equal(Deno.readTextFileSync(`${place}/s`), "theirs");
});

Deno.test("openListenSocket() says why the folder cannot be made", async () => {
  using folder = temporaryFolder();
  assert.match(
    await refusal(`${folder.path}/none`),
    /^cannot listen on unix:\/s: .*No such file or directory/,
  );
});
