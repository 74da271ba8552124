/**
 * The folder of one server, `jobrunner-<random>` (mode 0700). It holds the spool and the programs that main creates.
 *
 * A running server holds a lock on the file `lock` in it and, where folders can be locked, on the folder itself, since a job
 * could replace the file. The lock, not a process id, shows that a server is alive: containers share folders but not
 * process ids. The lock file gets its name only after it was locked, so the folder of a starting server never looks like
 * that of a dead one.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { join } from "node:path";
import { look, makeFolder, type OwnFolder } from "../spool/own_folder.ts";
import { removeWhatever } from "../spool/removal.ts";

/** The folder of a server, held by this process. */
export interface ServerFolder {
  /**
   * Checks the folder, its lock and everything that was created in it, and repairs what has changed; returns the paths that
   * were repaired. Throws errors of the file system.
   */
  repair(): readonly string[];
  /** Like `repair`; also updates the lock's time, so that no temp cleaner treats the folder as abandoned. */
  refresh(): readonly string[];
  /** Creates a folder in it. */
  addFolder(name: string): void;
  /** Creates a program in an added folder: a file that only its owner may read and run. */
  addProgram(path: string, bytes: Uint8Array): void;
  /** Removes a program. */
  removeProgram(path: string): void;
  /** Removes the folder and releases the lock. Idempotent. */
  close(): void;
}

const lockName = "lock";
const newLockName = "lock.new";
const folderName = /^jobrunner-[0-9a-f]{16}$/;

/** Age from which a folder without a lock counts as abandoned by a server that died while creating it. */
const unlockedGraceMs = 60_000;

/** Only its owner may run a program of ours, and read the environment inside it. */
const programMode = 0o500;

/** A path for a new server folder inside `parent`. The folder is not created yet. */
export function newServerFolderPath(parent: string): string {
  return join(parent, `jobrunner-${crypto.getRandomValues(new Uint8Array(8)).toHex()}`);
}

/** Creates the folder `path` and locks it. Throws errors of the file system, also if the path already exists. */
export function openServerFolder(path: string): ServerFolder {
  const folder = makeFolder(path);
  const folders = new Map<string, OwnFolder>();
  const programs = new Map<string, Program>();
  let locks: Locks | undefined = lock(path);
  let closed = false;

  function unlock(): void {
    locks?.[Symbol.dispose]();
    locks = undefined;
  }

  function repair(): string[] {
    if (closed) throw new Error(`${path}: the folder is closed`);
    const repaired: string[] = [];
    if (!folder.isSound()) {
      if (folder.repair()) unlock();
      repaired.push(path);
    }
    if (!locks || look(join(path, lockName))?.ino !== locks.ino) {
      unlock();
      locks = lock(path);
      repaired.push(join(path, lockName));
    }
    for (const [place, inner] of folders) {
      if (inner.isSound()) continue;
      inner.repair();
      repaired.push(place);
    }
    for (const [place, program] of programs) {
      if (isProgram(place, program)) continue;
      writeProgram(place, program.bytes);
      repaired.push(place);
    }
    return repaired;
  }

  return {
    repair,
    refresh() {
      const repaired = repair();
      const now = new Date();
      Deno.utimeSync(join(path, lockName), now, now);
      return repaired;
    },
    addFolder(name) {
      const place = join(path, name);
      folders.set(place, makeFolder(place));
    },
    addProgram(name, bytes) {
      const place = join(path, name);
      writeProgram(place, bytes);
      programs.set(place, { bytes, mode: Deno.lstatSync(place).mode });
    },
    removeProgram(name) {
      const place = join(path, name);
      programs.delete(place);
      removeWhatever(place);
    },
    close() {
      if (closed) return;
      closed = true;
      try {
        // The lock is released last, or another server could start clearing the folder. Windows cannot remove an open file.
        if (Deno.build.os === "windows") unlock();
        removeServerFolder(path);
      } finally {
        unlock();
      }
    },
  };
}

/** A program's content and mode right after it was created. Some file systems change the mode. */
interface Program {
  readonly bytes: Uint8Array;
  readonly mode: number | null;
}

/** Writes a program under another name first, so that it is never started while half written or open for writing. */
function writeProgram(path: string, bytes: Uint8Array): void {
  const unfinished = `${path}.new`;
  removeWhatever(unfinished);
  Deno.writeFileSync(unfinished, bytes, { createNew: true, mode: programMode });
  // A umask can remove the owner's own permissions.
  if (Deno.build.os !== "windows") Deno.chmodSync(unfinished, programMode);
  if (look(path)?.isDirectory) removeWhatever(path);
  Deno.renameSync(unfinished, path);
}

function isProgram(path: string, { bytes, mode }: Program): boolean {
  const found = look(path);
  if (!found?.isFile || found.size !== bytes.length || found.mode !== mode) return false;
  return Buffer.from(Deno.readFileSync(path)).equals(bytes);
}

/** Folders whose server is dead. They stay locked until disposed of, so that no other server clears them at the same time. */
export interface DeadServerFolders extends Disposable {
  /** Absolute paths. */
  readonly paths: readonly string[];
  /** Removes one of them. */
  remove(path: string): void;
}

/**
 * Finds the folders in `parent` whose server is dead. Folders of other users, of running servers and of servers that are just
 * starting are left alone.
 */
export function findDeadServerFolders(
  parent: string,
  now: number = Date.now(),
): DeadServerFolders {
  const locks = new Map<string, Disposable>();
  for (const entry of Deno.readDirSync(parent)) {
    if (!entry.isDirectory || !folderName.test(entry.name)) continue;
    const path = join(parent, entry.name);
    try {
      const dead = lockIfAbandoned(path, now);
      if (dead) locks.set(path, dead);
    } catch {
      // The folder belongs to another user, or another server is clearing it.
    }
  }
  const unlock = (path: string) => {
    locks.get(path)?.[Symbol.dispose]();
    locks.delete(path);
  };
  return {
    paths: [...locks.keys()],
    remove(path) {
      if (Deno.build.os === "windows") unlock(path);
      removeServerFolder(path);
    },
    [Symbol.dispose]: () => [...locks.keys()].forEach(unlock),
  };
}

/** The locks of a running server. */
interface Locks extends Disposable {
  /** Inode number of the lock file. */
  readonly ino: number | null;
}

function lock(path: string): Locks {
  const folder = lockFolder(path);
  try {
    if (folder === "held") throw heldElsewhere(path);
    const file = lockIn(path);
    return { ino: file.statSync().ino, [Symbol.dispose]: () => closeAll(file, folder) };
  } catch (error) {
    if (folder !== "held") folder?.close();
    throw error;
  }
}

function heldElsewhere(path: string): Error {
  return new Error(`${path}: another process holds its lock`);
}

/** Undefined on Windows, which cannot open folders as files. */
function lockFolder(path: string): Deno.FsFile | "held" | undefined {
  if (Deno.build.os === "windows") return undefined;
  const folder = Deno.openSync(path, { read: true });
  if (folder.tryLockSync(true)) return folder;
  folder.close();
  return "held";
}

function closeAll(...files: readonly (Deno.FsFile | undefined)[]): void {
  for (const file of files) file?.close();
}

function lockIn(path: string): Deno.FsFile {
  removeWhatever(join(path, newLockName));
  const lock = Deno.openSync(join(path, newLockName), {
    createNew: true,
    read: true,
    write: true,
    mode: 0o600,
  });
  if (!lock.tryLockSync(true)) {
    lock.close();
    throw heldElsewhere(path);
  }
  removeWhatever(join(path, lockName));
  Deno.renameSync(join(path, newLockName), join(path, lockName));
  return lock;
}

/** The locks of a folder whose server is dead. */
function lockIfAbandoned(path: string, now: number): Disposable | undefined {
  const folder = Deno.lstatSync(path);
  if (folder.uid !== null && folder.uid !== Deno.uid()) return undefined;
  // A job may have removed the owner's permissions.
  if (folder.mode !== null && (folder.mode & 0o700) !== 0o700) Deno.chmodSync(path, 0o700);
  // The file is locked first: a starting server must not find its folder locked.
  const ofFile = lockFileIfAbandoned(path, folder, now);
  if (!ofFile) return undefined;
  const file = ofFile === "missing" ? undefined : ofFile;
  const ofFolder = lockFolder(path);
  if (ofFolder !== "held") return { [Symbol.dispose]: () => closeAll(ofFolder, file) };
  closeAll(file);
  return undefined;
}

function lockFileIfAbandoned(
  path: string,
  folder: Deno.FileInfo,
  now: number,
): Deno.FsFile | "missing" | undefined {
  const found = look(join(path, lockName));
  if (!found) {
    const age = now - (folder.mtime?.getTime() ?? now);
    return age > unlockedGraceMs ? "missing" : undefined;
  }
  // Opening a FIFO would wait forever.
  if (!found.isFile) return undefined;
  const lock = Deno.openSync(join(path, lockName), { read: true, write: true });
  if (lock.tryLockSync(true)) return lock;
  lock.close();
  return undefined;
}

/**
 * Removes a server's folder. The runtime alters names that are not UTF-8 and can neither open nor move folders with such
 * names, so there chmod(1) and rm(1) are used.
 */
function removeServerFolder(path: string): void {
  try {
    removeWhatever(path);
  } catch (error) {
    if (Deno.build.os === "windows") throw error;
    try {
      for (const [program, ...args] of [["chmod", "-R", "u+rwx"], ["rm", "-rf"]] as const) {
        new Deno.Command(program, { args: [...args, "--", path], stdin: "null" }).outputSync();
      }
    } catch {
      // A small container may lack these programs.
    }
    if (look(path)) throw error;
  }
}
