/**
 * The spool: a folder of our own (mode 0700) that holds the files of running jobs.
 *
 * A living server holds a lock on the file `lock` inside its spool. The lock, not a process id, says who is alive:
 * containers share folders but not process ids. The lock file gets its name only after it was locked, so nobody
 * ever sees the spool of a starting server as a dead one's.
 *
 * @module
 */

import { join } from "node:path";
import { removeWhatever } from "./removal.ts";

/** A spool that this process holds. */
export interface Spool {
  /** Absolute path, exactly as permissions were granted for it. */
  readonly path: string;
  /**
   * Makes folder and lock anew if somebody (a temp cleaner) removed them. Throws if what is at the path now is not the
   * folder that we made: then somebody else could read in it.
   */
  ensure(): void;
  /** Marks the lock as in use, so that no temp cleaner takes the spool for abandoned; makes it anew if one did. */
  refresh(): void;
  /** Removes the folder and gives the lock back. Twice is fine. */
  close(): void;
}

const lockName = "lock";
const newLockName = "lock.new";
const folderName = /^jobrunner-[0-9a-f]{16}$/;

/** How old a spool without a lock must be before it counts as abandoned by a server that died while making it. */
const unlockedGraceMs = 60_000;

/** A path for a new spool inside `parent`. Nothing is made yet. */
export function newSpoolPath(parent: string): string {
  return join(parent, `jobrunner-${crypto.getRandomValues(new Uint8Array(8)).toHex()}`);
}

/** Makes the folder `path` and locks it. Throws what the file system throws, also when there is something already. */
export function openSpool(path: string): Spool {
  let folder = makeFolder(path);
  let lock: Deno.FsFile | undefined = lockIn(path);
  let closed = false;

  function giveBack(): void {
    lock?.close();
    lock = undefined;
  }

  function ensure(): void {
    if (closed) throw new Error(`${path}: the spool is closed`);
    const found = look(path);
    if (!found || found.ino !== folder.ino || found.dev !== folder.dev) {
      giveBack();
      // A job may have made it anew. Somebody else's folder, or one that others can look into, is not used.
      if (found && !(found.isDirectory && found.uid === folder.uid && isPrivate(found))) {
        throw new Error(`${path}: somebody put another folder in the place of the spool`);
      }
      folder = found ?? makeFolder(path);
    }
    lock ??= lockIn(path);
  }

  return {
    path,
    ensure,
    refresh() {
      ensure();
      const now = new Date();
      try {
        Deno.utimeSync(join(path, lockName), now, now);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
        giveBack();
        lock = lockIn(path);
      }
    },
    close() {
      if (closed) return;
      closed = true;
      try {
        // The lock goes last, or another server could clear the folder at the same time. Windows cannot remove an open file.
        if (Deno.build.os === "windows") giveBack();
        removeSpool(path);
      } finally {
        giveBack();
      }
    },
  };
}

function isPrivate(folder: Deno.FileInfo): boolean {
  return ((folder.mode ?? 0) & 0o077) === 0;
}

function makeFolder(path: string): Deno.FileInfo {
  Deno.mkdirSync(path, { mode: 0o700 });
  return Deno.lstatSync(path);
}

function look(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Spools whose server is dead. Held, so that no other server clears them at the same time, until disposed of. */
export interface DeadSpools extends Disposable {
  /** Absolute paths. */
  readonly paths: readonly string[];
  /** Removes one of them. */
  remove(path: string): void;
}

/**
 * Finds the spools in `parent` whose server is dead. Spools of other users, of living servers and of servers that are
 * just starting are left alone.
 */
export function findDeadSpools(parent: string, now: number = Date.now()): DeadSpools {
  const locks = new Map<string, Deno.FsFile | undefined>();
  for (const entry of Deno.readDirSync(parent)) {
    if (!entry.isDirectory || !folderName.test(entry.name)) continue;
    const path = join(parent, entry.name);
    try {
      const dead = lockIfAbandoned(path, now);
      if (!dead) continue;
      locks.set(path, dead === "without a lock" ? undefined : dead);
    } catch {
      // Somebody else's, or cleared by another server at this very moment.
    }
  }
  const giveBack = (path: string) => {
    locks.get(path)?.close();
    locks.delete(path);
  };
  return {
    paths: [...locks.keys()],
    remove(path) {
      if (Deno.build.os === "windows") giveBack(path);
      removeSpool(path);
    },
    [Symbol.dispose]: () => [...locks.keys()].forEach(giveBack),
  };
}

function lockIn(path: string): Deno.FsFile {
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
  Deno.renameSync(join(path, newLockName), join(path, lockName));
  return lock;
}

function lockIfAbandoned(path: string, now: number): Deno.FsFile | "without a lock" | undefined {
  const folder = Deno.lstatSync(path);
  if (folder.uid !== null && folder.uid !== Deno.uid()) return undefined;
  let lockInfo: Deno.FileInfo;
  try {
    lockInfo = Deno.lstatSync(join(path, lockName));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    const age = now - (folder.mtime?.getTime() ?? now);
    return age > unlockedGraceMs ? "without a lock" : undefined;
  }
  // Opening a FIFO would wait for ever.
  if (!lockInfo.isFile) return undefined;
  const lock = Deno.openSync(join(path, lockName), { read: true, write: true });
  if (lock.tryLockSync(true)) return lock;
  lock.close();
  return undefined;
}

/** The longest path that the systems know. */
const maxPathLength = 4096;

/** Whether a mark has the form of those of a spool's jobs: a path of a file of a job, directly inside it. */
export function isMarkIn(spool: string, mark: string): boolean {
  const prefix = join(spool, "jobdata_");
  return mark.length <= maxPathLength && mark.startsWith(prefix) &&
    !/[\0/\\]/.test(mark.slice(prefix.length));
}

/**
 * Whether a mark belongs to a job of this spool that has not come to its end: the payload's file is still there. Asked of
 * each mark, because the folder itself may hold any number of files.
 */
export function isUnfinished(spool: string, mark: string): boolean {
  try {
    return isMarkIn(spool, mark) && look(mark) !== undefined;
  } catch {
    return false;
  }
}

/** Removes a spool folder, if there is one. */
export function removeSpool(path: string): void {
  removeWhatever(path);
}
