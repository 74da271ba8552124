/**
 * The folder of one job, from its making to its removal. It may be made before a worker is known.
 *
 * @module
 */

import { basename } from "node:path";
import { look } from "./own_folder.ts";
import { removeInBackground } from "./removal.ts";
import { jobFolderIn, jobFolderRandom, type Spool } from "./spool.ts";

/** See the module's head. */
export interface JobFolder {
  /** Absolute path, unique to the job and its mark; the command may leave there what it likes. */
  readonly path: string;
  /** What is unique in its name: 16 hexadecimal digits. */
  readonly random: string;
  /** Paths of the files that we made in it. */
  readonly files: string[];
  /** Whether it was looked at in this very turn of the event loop, so that nothing has happened to it since. */
  looked: boolean;
  /** Opens it again if the command has shut it. False when it is gone, or something else is in its place. */
  openAgain(): boolean;
  /** Removes it, whatever the command made of it. Rejects with what the file system throws; then the next removal tries again. */
  remove(): Promise<void>;
}

/** Makes a folder, mode 0700, in a spool, which must be sound. Throws what the file system throws. */
export function makeJobFolder(spool: Spool): JobFolder {
  const random = crypto.getRandomValues(new Uint8Array(8)).toHex();
  const path = jobFolderIn(spool.path, random);
  Deno.mkdirSync(path, { mode: 0o700 });
  return folderOf(spool, path, random);
}

/** The folder of a job at this path of a spool, which was made before. Throws an `Error` for any other path. */
export function jobFolderAt(spool: Spool, path: string): JobFolder {
  const random = jobFolderRandom(basename(path));
  if (random === undefined || path !== jobFolderIn(spool.path, random)) {
    throw new Error(`${path}: must be the folder of a job in ${spool.path}`);
  }
  return folderOf(spool, path, random);
}

function folderOf(spool: Spool, path: string, random: string): JobFolder {
  const files: string[] = [];

  async function remove(): Promise<void> {
    try {
      // Another job may damage the spool at this very moment.
      await removeNow().catch(removeNow);
    } catch (error) {
      spool.leftovers.add(path);
      throw error;
    }
    for (const left of spool.leftovers) {
      spool.leftovers.delete(left);
      removeInBackground(left).catch(() => spool.leftovers.add(left));
    }
  }

  async function removeNow(): Promise<void> {
    if (!folder.looked) await spool.ensure();
    if (!removeAtOnce()) await removeInBackground(path);
  }

  /** What mostly is there: a folder with our files. False if there is anything else. */
  function removeAtOnce(): boolean {
    try {
      if (!folder.looked && !look(path)?.isDirectory) return false;
      for (const file of files) Deno.removeSync(file);
      Deno.removeSync(path);
      return true;
    } catch {
      folder.looked = false;
      return false;
    }
  }

  const folder: JobFolder = {
    path,
    random,
    files,
    looked: false,
    openAgain() {
      try {
        const found = look(path);
        if (found?.isDirectory && isShut(found)) Deno.chmodSync(path, 0o700);
        return found?.isDirectory === true;
      } catch {
        return false;
      }
    },
    remove,
  };
  return folder;
}

/** Windows has no modes. */
function isShut({ mode }: Deno.FileInfo): boolean {
  return Deno.build.os !== "windows" && mode !== null && (mode & 0o700) !== 0o700;
}
