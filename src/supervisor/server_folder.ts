/**
 * The folder of one server, `jobrunner-<random>` (mode 0700). In it lie the spool and the programs that main makes.
 *
 * A living server holds a lock on the file `lock` in it and, where folders can be locked, on the folder itself, since a job
 * could replace the file. The lock, not a process id, says who is alive: containers share folders but not process ids. The
 * lock file gets its name only after it was locked, so nobody ever sees the folder of a starting server as a dead one's.
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
   * Looks at the folder, its lock and all that was made in it, and puts right what is not as it was made; says what that
   * was. Throws what the file system throws.
   */
  mend(): readonly string[];
  /** As `mend`, and marks the lock as in use, so that no temp cleaner takes the folder for abandoned. */
  refresh(): readonly string[];
  /** Makes a folder in it. */
  addFolder(name: string): void;
  /** Makes a program in it, in a folder that was added: a file that its owner may run and read. */
  addProgram(path: string, bytes: Uint8Array): void;
  /** Removes the folder and gives the lock back. Idempotent. */
  close(): void;
}

const lockName = "lock";
const newLockName = "lock.new";
const folderName = /^jobrunner-[0-9a-f]{16}$/;

/** How old a folder without a lock must be before it counts as abandoned by a server that died while making it. */
const unlockedGraceMs = 60_000;

/** Only its owner may run a program of ours, and read the environment that it holds. */
const programMode = 0o500;

/** A path for a new server folder inside `parent`. Nothing is made yet. */
export function newServerFolderPath(parent: string): string {
  return join(parent, `jobrunner-${crypto.getRandomValues(new Uint8Array(8)).toHex()}`);
}

/** Makes the folder `path` and locks it. Throws what the file system throws, also when there is something already. */
export function openServerFolder(path: string): ServerFolder {
  const folder = makeFolder(path);
  const folders = new Map<string, OwnFolder>();
  const programs = new Map<string, Program>();
  let locks: Locks | undefined = lock(path);
  let closed = false;

  function giveBack(): void {
    locks?.[Symbol.dispose]();
    locks = undefined;
  }

  function mend(): string[] {
    if (closed) throw new Error(`${path}: the folder is closed`);
    const mended: string[] = [];
    if (!folder.isSound()) {
      if (folder.mend()) giveBack();
      mended.push(path);
    }
    if (!locks || look(join(path, lockName))?.ino !== locks.ino) {
      giveBack();
      locks = lock(path);
      mended.push(join(path, lockName));
    }
    for (const [place, inner] of folders) {
      if (inner.isSound()) continue;
      inner.mend();
      mended.push(place);
    }
    for (const [place, program] of programs) {
      if (isProgram(place, program)) continue;
      writeProgram(place, program.bytes);
      mended.push(place);
    }
    return mended;
  }

  return {
    mend,
    refresh() {
      const mended = mend();
      const now = new Date();
      Deno.utimeSync(join(path, lockName), now, now);
      return mended;
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
    close() {
      if (closed) return;
      closed = true;
      try {
        // The lock goes last, or another server could clear the folder at the same time. Windows cannot remove an open file.
        if (Deno.build.os === "windows") giveBack();
        removeServerFolder(path);
      } finally {
        giveBack();
      }
    },
  };
}

/** What a program is when nobody has touched it. Some file systems have modes of their own. */
interface Program {
  readonly bytes: Uint8Array;
  readonly mode: number | null;
}

/** A program is written under another name first: nobody can start half of it, nor one that is open for writing. */
function writeProgram(path: string, bytes: Uint8Array): void {
  const unfinished = `${path}.new`;
  removeWhatever(unfinished);
  Deno.writeFileSync(unfinished, bytes, { createNew: true, mode: programMode });
  // A umask can take the owner's own rights away.
  if (Deno.build.os !== "windows") Deno.chmodSync(unfinished, programMode);
  if (look(path)?.isDirectory) removeWhatever(path);
  Deno.renameSync(unfinished, path);
}

function isProgram(path: string, { bytes, mode }: Program): boolean {
  const found = look(path);
  if (!found?.isFile || found.size !== bytes.length || found.mode !== mode) return false;
  return Buffer.from(Deno.readFileSync(path)).equals(bytes);
}

/** Folders whose server is dead. Held, so that no other server clears them at the same time, until disposed of. */
export interface DeadServerFolders extends Disposable {
  /** Absolute paths. */
  readonly paths: readonly string[];
  /** Removes one of them. */
  remove(path: string): void;
}

/**
 * Finds the folders in `parent` whose server is dead. Those of other users, of living servers and of servers that are
 * just starting are left alone.
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
      // Somebody else's, or cleared by another server at this very moment.
    }
  }
  const giveBack = (path: string) => {
    locks.get(path)?.[Symbol.dispose]();
    locks.delete(path);
  };
  return {
    paths: [...locks.keys()],
    remove(path) {
      if (Deno.build.os === "windows") giveBack(path);
      removeServerFolder(path);
    },
    [Symbol.dispose]: () => [...locks.keys()].forEach(giveBack),
  };
}

/** What a living server holds. */
interface Locks extends Disposable {
  /** Number of the lock file. */
  readonly ino: number | null;
}

function lock(path: string): Locks {
  const folder = lockFolder(path);
  try {
    if (folder === "held") throw new Error(`${path}: another process holds its lock`);
    const file = lockIn(path);
    return { ino: file.statSync().ino, [Symbol.dispose]: () => closeAll(file, folder) };
  } catch (error) {
    if (folder !== "held") folder?.close();
    throw error;
  }
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
    throw new Error(`${path}: another process holds its lock`);
  }
  removeWhatever(join(path, lockName));
  Deno.renameSync(join(path, newLockName), join(path, lockName));
  return lock;
}

/** The locks of a folder whose server is dead. */
function lockIfAbandoned(path: string, now: number): Disposable | undefined {
  const folder = Deno.lstatSync(path);
  if (folder.uid !== null && folder.uid !== Deno.uid()) return undefined;
  // A job may have shut it.
  if (folder.mode !== null && (folder.mode & 0o700) !== 0o700) Deno.chmodSync(path, 0o700);
  // The file comes first: a starting server must not find its folder locked.
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
 * Names that are not UTF-8 reach the runtime changed, so it can neither open nor move folders with such names: there the
 * system's own programs help.
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
      // A small container has no such programs.
    }
    if (look(path)) throw error;
  }
}
