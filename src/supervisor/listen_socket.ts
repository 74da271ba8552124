/**
 * The unix socket that the service listens on, as far as it is a file: main looks after that, so the service needs no
 * permission for its path.
 *
 * A socket that is opened gets its mode from the umask of the process, which commands share, so for a moment too many could
 * connect. The service therefore opens it in a folder that only this user may enter. There main gives it its mode, and then
 * moves it to its path. While the server lives, it holds a lock on the folder, so that another server with the same path
 * does not start.
 *
 * @module
 */

import { dirname, join } from "node:path";
import type { SocketConfig } from "../config/config.ts";
import { StartError } from "../isolate/start_error.ts";
import { look, makeFolder } from "../spool/own_folder.ts";
import { removeWhatever } from "../spool/removal.ts";
import { messageOf } from "../telemetry/log.ts";

/** See the module's head. */
export interface ListenSocket {
  /**
   * Gives the socket that the service has opened its mode and its path, where it replaces an earlier one of this server. Throws
   * errors of the file system, also if something else is at the path.
   */
  publish(): void;
  /** Removes the folder, and the socket if it is still at its path. Throws errors of the file system. Idempotent. */
  close(): void;
}

/**
 * Makes room for the socket, which will have this `mode`: removes one that a dead server left behind, and makes the folder.
 * Throws a `StartError` if a server listens there or starts to, if something else is at the path, or if the folder cannot be
 * made.
 */
export async function openListenSocket(
  { path, opened }: SocketConfig,
  mode: number,
): Promise<ListenSocket> {
  let folder: SocketFolder;
  try {
    folder = openFolder(opened);
    try {
      if (await isLeftOver(path)) Deno.removeSync(path);
    } catch (error) {
      folder.close();
      throw error;
    }
  } catch (error) {
    throw new StartError(`cannot listen on unix:${path}: ${messageOf(error)}`);
  }
  /** Identity of the socket at its path. */
  let own: Pick<Deno.FileInfo, "ino" | "dev"> | undefined;
  const isOwn = (found: Deno.FileInfo) =>
    own !== undefined && found.isSocket && found.ino === own.ino && found.dev === own.dev;

  return {
    publish() {
      const socket = folder.take();
      const there = look(path);
      if (there && !isOwn(there)) throw new Error("another file has come into being there");
      Deno.chmodSync(folder.taken, mode);
      Deno.renameSync(folder.taken, path);
      own = socket;
    },
    close() {
      const there = look(path);
      if (there && isOwn(there)) Deno.removeSync(path);
      own = undefined;
      folder.close();
    },
  };
}

/** The folder in which the service opens the socket, held by this process. */
interface SocketFolder {
  /** Where main has the socket while it changes its mode. Where it was opened, the service could replace it. */
  readonly taken: string;
  /** Moves the opened socket to `taken`. Throws errors of the file system, also if it is not a socket. */
  take(): Deno.FileInfo;
  /** Removes the folder, with nothing in it but sockets, and releases the lock. Idempotent. */
  close(): void;
}

/** Makes the folder, or takes that of a dead server. Throws errors of the file system, also if it has other files. */
function openFolder(opened: string): SocketFolder {
  const path = dirname(opened);
  const taken = join(path, "taken");
  const removeSockets = () => [opened, taken].forEach(removeWhatever);
  if (!look(path)) makeFolder(path);
  const lock = lockFolder(path);
  let closed = false;
  try {
    for (const { name } of Deno.readDirSync(path)) {
      if (![opened, taken].includes(join(path, name))) throw new Error(`${path}: must be empty`);
    }
    removeSockets();
    Deno.chmodSync(path, 0o700);
  } catch (error) {
    lock.close();
    throw error;
  }
  return {
    taken,
    take() {
      removeWhatever(taken);
      Deno.renameSync(opened, taken);
      const socket = Deno.lstatSync(taken);
      if (!socket.isSocket) throw new Error(`${opened}: must be a socket`);
      return socket;
    },
    close() {
      if (closed) return;
      closed = true;
      try {
        if (!isStillAt(path, lock)) return;
        removeSockets();
        Deno.removeSync(path);
      } finally {
        lock.close();
      }
    },
  };
}

/** Locks a folder of this user. Throws errors of the file system, also for anything else, and if another server has it. */
function lockFolder(path: string): Deno.FsFile {
  const found = Deno.lstatSync(path);
  // In a folder such as /tmp others can make one of this name.
  if (!found.isDirectory || found.uid !== Deno.uid()) {
    throw new Error(`${path}: must be a folder of the server's user, or not exist`);
  }
  const folder = Deno.openSync(path, { read: true });
  try {
    // A server that stops may have removed it before it was locked here.
    if (folder.tryLockSync(true) && isStillAt(path, folder)) return folder;
    throw new Error("it is in use: another server listens there, or starts to");
  } catch (error) {
    folder.close();
    throw error;
  }
}

function isStillAt(path: string, folder: Deno.FsFile): boolean {
  return look(path)?.ino === folder.statSync().ino;
}

/** Whether a socket without a server is at the path; false if nothing is there. Throws an error for anything else. */
async function isLeftOver(path: string): Promise<boolean> {
  const there = look(path);
  if (!there) return false;
  if (!there.isSocket) throw new Error("a file that is not a socket is there");
  try {
    (await Deno.connect({ transport: "unix", path })).close();
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return true;
    // Its server has just removed it.
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
  throw new Error("it is in use: a server answers there");
}
