import assert from "node:assert/strict";
import {
  findDeadServerFolders,
  newServerFolderPath,
  openServerFolder,
  type ServerFolder,
} from "../../src/supervisor/server_folder.ts";
import { temporaryFolder } from "../support/folder.ts";

/** Opens a server's folder; also returns its path. */
function open(path: string): ServerFolder & { readonly path: string } {
  return { ...openServerFolder(path), path };
}

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
}

/** Removes the folders of dead servers and returns their paths. */
function clearDead(parent: string, now?: number): string[] {
  using dead = findDeadServerFolders(parent, now);
  for (const path of dead.paths) dead.remove(path);
  return [...dead.paths];
}

Deno.test("openServerFolder() makes a folder of mode 0700 with a lock; close() removes it", () => {
  using folder = temporaryFolder();
  const server = open(newServerFolderPath(folder.path));
  assert.equal((Deno.statSync(server.path).mode ?? 0) & 0o777, 0o700);
  assert.deepEqual(names(server.path), ["lock"]);
  server.close();
  server.close();
  assert.deepEqual(names(folder.path), []);
});

Deno.test("findDeadServerFolders() finds a dead server's folder, not a living one's", () => {
  using folder = temporaryFolder();
  const living = open(newServerFolderPath(folder.path));
  const dead = newServerFolderPath(folder.path);
  Deno.mkdirSync(dead);
  Deno.writeTextFileSync(`${dead}/lock`, "");
  Deno.writeTextFileSync(`${dead}/file`, "payload");
  assert.deepEqual(clearDead(folder.path), [dead]);
  assert.deepEqual(names(folder.path), [living.path.slice(folder.path.length + 1)]);
  assert.deepEqual(clearDead(folder.path), []);
  living.close();
});

Deno.test("findDeadServerFolders() ignores a folder without a lock for a minute", () => {
  using folder = temporaryFolder();
  const young = newServerFolderPath(folder.path);
  Deno.mkdirSync(young);
  assert.deepEqual(clearDead(folder.path), []);
  assert.deepEqual(clearDead(folder.path, Date.now() + 61_000), [young]);
});

Deno.test("findDeadServerFolders() ignores folders with similar names, and links", () => {
  using folder = temporaryFolder();
  const before = ["jobrunner-0123456789abcde", "jobrunner-0123456789ABCDEF", "other"];
  for (const name of before) Deno.mkdirSync(`${folder.path}/${name}`);
  Deno.mkdirSync(`${folder.path}/target`);
  Deno.symlinkSync(`${folder.path}/target`, `${folder.path}/jobrunner-0123456789abcdef`);
  assert.deepEqual(clearDead(folder.path, Date.now() + 61_000), []);
  assert.equal(names(folder.path).length, 5);
});

Deno.test("findDeadServerFolders() ignores a folder whose lock is a FIFO, and does not block on it", async () => {
  using folder = temporaryFolder();
  const trap = newServerFolderPath(folder.path);
  Deno.mkdirSync(trap);
  await new Deno.Command("mkfifo", { args: [`${trap}/lock`] }).output();
  assert.deepEqual(clearDead(folder.path), []);
});

Deno.test("refresh() makes and locks a folder again that a temp cleaner removed", () => {
  using folder = temporaryFolder();
  const server = open(newServerFolderPath(folder.path));
  for (
    const damage of [
      () => Deno.removeSync(server.path, { recursive: true }),
      () => Deno.removeSync(`${server.path}/lock`),
    ]
  ) {
    damage();
    server.refresh();
    assert.deepEqual(names(server.path), ["lock"]);
    assert.deepEqual(clearDead(folder.path, Date.now() + 61_000), [], "it is held again");
  }
  server.close();
});

Deno.test("repair() throws while the folder cannot be made again, and makes it later", () => {
  using folder = temporaryFolder();
  const server = open(newServerFolderPath(`${folder.path}`));
  Deno.removeSync(server.path, { recursive: true });
  Deno.renameSync(folder.path, `${folder.path}.away`);
  assert.throws(() => server.repair(), Deno.errors.NotFound);
  Deno.renameSync(`${folder.path}.away`, folder.path);
  server.repair();
  assert.deepEqual(names(server.path), ["lock"]);
  server.close();
});

Deno.test("findDeadServerFolders() ignores a dead folder that another server is clearing", () => {
  using folder = temporaryFolder();
  const path = newServerFolderPath(folder.path);
  Deno.mkdirSync(path);
  Deno.writeTextFileSync(`${path}/lock`, "");
  using first = findDeadServerFolders(folder.path);
  using second = findDeadServerFolders(folder.path);
  assert.deepEqual([first.paths, second.paths], [[path], []]);
});

Deno.test("repair() makes the lock again if it was replaced or its place is taken", () => {
  using folder = temporaryFolder();
  const server = open(newServerFolderPath(folder.path));
  for (
    const damage of [
      () => {
        Deno.renameSync(`${server.path}/lock`, `${server.path}/away`);
        Deno.writeTextFileSync(`${server.path}/lock`, "");
        Deno.removeSync(`${server.path}/away`);
      },
      () => {
        Deno.removeSync(`${server.path}/lock`);
        Deno.utimeSync(server.path, 0, 0);
      },
      () => {
        Deno.removeSync(server.path, { recursive: true });
        Deno.mkdirSync(`${server.path}/lock.new/folder`, { recursive: true });
        Deno.mkdirSync(`${server.path}/lock/folder`, { recursive: true });
      },
    ]
  ) {
    damage();
    assert.deepEqual(clearDead(folder.path), [], "it is held all the same");
    server.repair();
    assert.deepEqual(clearDead(folder.path), [], "it is held again");
    assert.deepEqual(names(server.path), ["lock"]);
  }
  server.close();
});

Deno.test("repair() repairs folders and programs inside, and returns the paths it repaired", () => {
  using folder = temporaryFolder();
  const server = open(newServerFolderPath(folder.path));
  const program = `${server.path}/run/program`;
  const bytes = new TextEncoder().encode("#!/bin/sh\necho it runs\n");
  server.addFolder("spool");
  server.addFolder("run");
  server.addProgram("run/program", bytes);
  assert.deepEqual(server.repair(), []);
  Deno.writeTextFileSync(`${server.path}/spool/file`, "");
  const damages: readonly (readonly [damage: () => void, repaired: readonly string[]])[] = [
    [() => Deno.chmodSync(server.path, 0), [""]],
    [() => Deno.chmodSync(`${server.path}/spool`, 0o777), ["/spool"]],
    [() => Deno.removeSync(`${server.path}/lock`), ["/lock"]],
    [() => Deno.chmodSync(program, 0o400), ["/run/program"]],
    [() => {
      Deno.chmodSync(program, 0o700);
      Deno.writeFileSync(program, bytes.map((byte) => byte ^ 1));
    }, ["/run/program"]],
    [() => {
      Deno.chmodSync(program, 0o700);
      Deno.truncateSync(program, 3);
    }, ["/run/program"]],
    [() => Deno.removeSync(program), ["/run/program"]],
    [() => {
      Deno.removeSync(program);
      Deno.symlinkSync("/bin/sh", program);
    }, ["/run/program"]],
    [() => {
      Deno.removeSync(program);
      Deno.mkdirSync(`${program}/folder`, { recursive: true });
    }, ["/run/program"]],
    [() => Deno.removeSync(`${server.path}/run`, { recursive: true }), ["/run", "/run/program"]],
  ];
  for (const [damage, repaired] of damages) {
    damage();
    assert.deepEqual(server.repair(), repaired.map((path) => server.path + path));
    assert.deepEqual(Deno.readFileSync(program), bytes);
    assert.equal((Deno.lstatSync(program).mode ?? 0) & 0o777, 0o500);
    assert.deepEqual(names(`${server.path}/spool`), ["file"], "what is sound is left alone");
  }
  Deno.removeSync(server.path, { recursive: true });
  assert.deepEqual(
    server.refresh(),
    ["", "/lock", "/spool", "/run", "/run/program"].map((path) => server.path + path),
  );
  server.close();
  assert.deepEqual(names(folder.path), []);
});

Deno.test("close() removes a folder with names that are not UTF-8, whatever their modes", async () => {
  using folder = temporaryFolder();
  const server = open(newServerFolderPath(folder.path));
  const script =
    'name=$(printf "\\377"); mkdir -p "$1/$name/$name"; chmod 000 "$1/$name/$name" "$1/$name"';
  await new Deno.Command("sh", { args: ["-c", script, "sh", server.path] }).output();
  server.close();
  assert.deepEqual(names(folder.path), []);
});
