/**
 * A folder of the server that commands can reach, since they run as the same user: they can change its mode, remove it, or
 * replace it. It is checked without following links, since a link in its place leads to files of others.
 *
 * @module
 */

import { removeWhatever } from "./removal.ts";

/** A folder whose identity is known, so that anything else at its path is recognized. */
export interface OwnFolder {
  /** Whether the same folder is still there, with the mode that it had. */
  isSound(): boolean;
  /**
   * Restores its mode, or makes it again. Anything that has replaced it is removed; of a link, only the link itself. Returns
   * whether it had to be made again. Throws errors of the file system.
   */
  repair(): boolean;
}

const ownerOnly = 0o700;

/** Makes the folder `path`. Throws errors of the file system, also if something exists at the path. */
export function makeFolder(path: string): OwnFolder {
  make(path);
  return folderAt(path);
}

/** Makes a folder with mode 0700 whatever the umask, which can take away the owner's own rights. */
function make(path: string): void {
  Deno.mkdirSync(path, { mode: ownerOnly });
  if (modeOf(Deno.lstatSync(path)) !== ownerOnly) Deno.chmodSync(path, ownerOnly);
}

/** Takes whatever is at `path` now as the folder. Throws errors of the file system. */
export function folderAt(path: string): OwnFolder {
  let own = Deno.lstatSync(path);
  const isOwn = (found: Deno.FileInfo) =>
    found.isDirectory && found.ino === own.ino && found.dev === own.dev && found.uid === own.uid;
  return {
    isSound() {
      try {
        const found = Deno.lstatSync(path);
        // Some file systems have fixed modes that cannot be changed.
        return isOwn(found) && modeOf(found) === modeOf(own);
      } catch {
        return false;
      }
    },
    repair() {
      const found = look(path);
      if (found && isOwn(found)) {
        Deno.chmodSync(path, ownerOnly);
        return false;
      }
      if (found) removeWhatever(path);
      make(path);
      own = Deno.lstatSync(path);
      return true;
    },
  };
}

/** What is at a path, without following links; undefined if there is nothing. Throws other errors of the file system. */
export function look(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The permission bits; on Windows, which has no modes, always 0700. */
function modeOf({ mode }: Deno.FileInfo): number {
  return Deno.build.os === "windows" ? ownerOnly : (mode ?? ownerOnly) & 0o777;
}
