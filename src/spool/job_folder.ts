/**
 * The folder of one job, from its creation to its removal. It may be made before a worker is known.
 *
 * @module
 */

import { basename } from "node:path";
import { look } from "./own_folder.ts";
import { removeInBackground } from "./removal.ts";
import { jobFolderIn, jobFolderRandom, type Spool } from "./spool.ts";

/** The folder of one job. */
export interface JobFolder {
  /** Absolute path, which is unique to the job and is its mark. The command may create any files there. */
  readonly path: string;
  /** The unique part of its name: 16 hexadecimal digits. */
  readonly random: string;
  /** Paths of the files that jobrunner made in it. */
  readonly files: string[];
  /** Whether it was checked in this turn of the event loop, so that nothing can have changed it since. */
  checked: boolean;
  /** Whether it holds so many bytes that removing them would block the event loop. */
  large: boolean;
  /** Restores its owner's access if the command has taken it away. False if it is gone, or replaced by something else. */
  openAgain(): boolean;
  /**
   * Removes it with everything in it. Rejects with the error of the file system; the next removal of any job's folder then
   * retries this one.
   */
  remove(): Promise<void>;
}

/** Makes a folder with mode 0700 in a spool, which must be sound. Throws errors of the file system. */
export function makeJobFolder(spool: Spool): JobFolder {
  const random = crypto.getRandomValues(new Uint8Array(8)).toHex();
  const path = jobFolderIn(spool.path, random);
  Deno.mkdirSync(path, { mode: 0o700 });
  return folderOf(spool, path, random);
}

/** The existing folder of a job at this path in a spool. Throws an `Error` if the path has another form. */
export function jobFolderAt(spool: Spool, path: string): JobFolder {
  const random = jobFolderRandom(basename(path));
  if (random === undefined || path !== jobFolderIn(spool.path, random)) {
    throw new Error(`${path}: must be the folder of a job in ${spool.path}`);
  }
  return folderOf(spool, path, random);
}

/** Removes the folder and rejects with the given error, which matters more than one of the removal. */
export async function giveUp(folder: Pick<JobFolder, "remove">, error: unknown): Promise<never> {
  await folder.remove().catch(() => {});
  throw error;
}

function folderOf(spool: Spool, path: string, random: string): JobFolder {
  const files: string[] = [];

  async function remove(): Promise<void> {
    try {
      // Another job may damage the spool at the same moment.
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
    if (!folder.checked) await spool.ensure();
    if (folder.large || !removeAtOnce()) await removeInBackground(path);
  }

  /** Handles the common case: a folder with nothing but our files. False if anything else is there. */
  function removeAtOnce(): boolean {
    try {
      if (!folder.checked && !look(path)?.isDirectory) return false;
      for (const file of files) Deno.removeSync(file);
      Deno.removeSync(path);
      return true;
    } catch {
      folder.checked = false;
      return false;
    }
  }

  const folder: JobFolder = {
    path,
    random,
    files,
    checked: false,
    large: false,
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

/** Whether the owner's access is missing. Windows has no modes. */
function isShut({ mode }: Deno.FileInfo): boolean {
  return Deno.build.os !== "windows" && mode !== null && (mode & 0o700) !== 0o700;
}
