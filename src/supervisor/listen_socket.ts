/**
 * The unix socket that the service listens on, as far as it is a file: main looks after that, so the service needs no
 * permission for its path.
 *
 * A socket that is opened gets its mode from the umask of the process, which commands share, so for a moment too many could
 * connect. The service therefore opens it in a folder that only this user may enter. There main gives it its mode, and then
 * moves it to its path.
 *
 * @module
 */

import { dirname } from "node:path";
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
 * Throws a `StartError` if a server listens there, if something else is at the path, or if the folder cannot be made.
 */
export async function openListenSocket(
  { path, opened }: SocketConfig,
  mode: number,
): Promise<ListenSocket> {
  try {
    if (await isLeftOver(path)) Deno.removeSync(path);
    // Nobody listens there, so its server is dead.
    removeFolder(opened);
    makeFolder(dirname(opened));
  } catch (error) {
    throw new StartError(`cannot listen on unix:${path}: ${messageOf(error)}`);
  }
  /** Identity of the socket at its path. */
  let own: Pick<Deno.FileInfo, "ino" | "dev"> | undefined;
  const isOwn = (found: Deno.FileInfo) =>
    own !== undefined && found.isSocket && found.ino === own.ino && found.dev === own.dev;

  return {
    publish() {
      const socket = Deno.lstatSync(opened);
      if (!socket.isSocket) throw new Error(`${opened}: must be a socket`);
      const there = look(path);
      if (there && !isOwn(there)) throw new Error("another file has come into being there");
      Deno.chmodSync(opened, mode);
      Deno.renameSync(opened, path);
      own = socket;
    },
    close() {
      const there = look(path);
      if (there && isOwn(there)) Deno.removeSync(path);
      own = undefined;
      removeFolder(opened);
    },
  };
}

/** Removes the folder of a socket, with nothing in it but that: others may have made a folder of this name. */
function removeFolder(opened: string): void {
  const folder = dirname(opened);
  if (!look(folder)?.isDirectory) return;
  removeWhatever(opened);
  Deno.removeSync(folder);
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
