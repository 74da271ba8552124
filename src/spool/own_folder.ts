/**
 * A folder of ours in the reach of commands, which run as the same user: they can change its mode, remove it, or put
 * something else in its place. It is looked at, never through: a link in its place leads to somebody else's files.
 *
 * @module
 */

import { removeWhatever } from "./removal.ts";

/** A folder that was seen once and can be told from anything else at its path. */
export interface OwnFolder {
  /** Whether the folder is still there, the same one, and open to its owner alone. */
  isSound(): boolean;
  /**
   * Gives it its mode back, or makes it anew; what somebody put in its place is removed, of a link the link itself. Says
   * whether it had to be made anew. Throws what the file system throws.
   */
  mend(): boolean;
}

const ownerOnly = 0o700;

/** Makes the folder `path`. Throws what the file system throws, also when there is something already. */
export function makeFolder(path: string): OwnFolder {
  make(path);
  return folderAt(path);
}

/** A umask can take the owner's own rights away. */
function make(path: string): void {
  Deno.mkdirSync(path, { mode: ownerOnly });
  if (modeOf(Deno.lstatSync(path)) !== ownerOnly) Deno.chmodSync(path, ownerOnly);
}

/** Takes what is at `path` now for the folder that is meant. Throws what the file system throws. */
export function folderAt(path: string): OwnFolder {
  let own = Deno.lstatSync(path);
  const isOwn = (found: Deno.FileInfo) =>
    found.isDirectory && found.ino === own.ino && found.dev === own.dev && found.uid === own.uid;
  return {
    isSound() {
      try {
        const found = Deno.lstatSync(path);
        // Some file systems have modes of their own, which nobody can change.
        return isOwn(found) && modeOf(found) === modeOf(own);
      } catch {
        return false;
      }
    },
    mend() {
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

/** What lies at a path, a link as itself; undefined when there is nothing. Throws what else the file system throws. */
export function look(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Windows has no modes. */
function modeOf({ mode }: Deno.FileInfo): number {
  return Deno.build.os === "windows" ? ownerOnly : (mode ?? ownerOnly) & 0o777;
}
