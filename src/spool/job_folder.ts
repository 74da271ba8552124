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
  /**
   * Whether its path leads to it without any link: nothing else has taken the place of the folder or of the spool. Costs less than
   * a check of both. False if it cannot be found out.
   */
  isInPlace(): boolean;
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
  return new Folder(spool, path, random);
}

/** The existing folder of a job at this path in a spool. Throws an `Error` if the path has another form. */
export function jobFolderAt(spool: Spool, path: string): JobFolder {
  const random = jobFolderRandom(basename(path));
  if (random === undefined || path !== jobFolderIn(spool.path, random)) {
    throw new Error(`${path}: must be the folder of a job in ${spool.path}`);
  }
  return new Folder(spool, path, random);
}

/** Removes the folder and rejects with the given error, which matters more than one of the removal. */
export async function giveUp(folder: Pick<JobFolder, "remove">, error: unknown): Promise<never> {
  await folder.remove().catch(() => {});
  throw error;
}

/** A class, because every job has one: an object literal with functions creates new functions each time. */
class Folder implements JobFolder {
  readonly path: string;
  readonly random: string;
  readonly files: string[] = [];
  checked = false;
  large = false;
  readonly #spool: Spool;

  constructor(spool: Spool, path: string, random: string) {
    this.#spool = spool;
    this.path = path;
    this.random = random;
  }

  isInPlace(): boolean {
    try {
      return Deno.realPathSync(this.path) === this.path;
    } catch {
      return false;
    }
  }

  openAgain(): boolean {
    try {
      const found = look(this.path);
      if (found?.isDirectory && isShut(found)) Deno.chmodSync(this.path, 0o700);
      return found?.isDirectory === true;
    } catch {
      return false;
    }
  }

  async remove(): Promise<void> {
    // The common case first, which needs no promises.
    const isTried = this.checked;
    if (!isTried || !this.#removeAtOnce()) await this.#removeElse(isTried);
    const { leftovers } = this.#spool;
    if (leftovers.size === 0) return;
    for (const left of leftovers) {
      leftovers.delete(left);
      removeInBackground(left).catch(() => leftovers.add(left));
    }
  }

  /** Removes it in any case. `isTried`: `removeAtOnce` has just failed. */
  async #removeElse(isTried: boolean): Promise<void> {
    try {
      // Another job may damage the spool at the same moment.
      await (isTried ? removeInBackground(this.path) : this.#removeNow())
        .catch(() => this.#removeNow());
    } catch (error) {
      this.#spool.leftovers.add(this.path);
      throw error;
    }
  }

  async #removeNow(): Promise<void> {
    if (!this.checked) await this.#spool.ensure();
    if (!this.#removeAtOnce()) await removeInBackground(this.path);
  }

  /** Handles the common case: a folder with nothing but our files. False if anything else is there, or much. */
  #removeAtOnce(): boolean {
    if (this.large) return false;
    try {
      if (!this.checked && !look(this.path)?.isDirectory) return false;
      for (const file of this.files) Deno.removeSync(file);
      Deno.removeSync(this.path);
      return true;
    } catch {
      this.checked = false;
      return false;
    }
  }
}

/** Whether the owner's access is missing. Windows has no modes. */
function isShut({ mode }: Deno.FileInfo): boolean {
  return Deno.build.os !== "windows" && mode !== null && (mode & 0o700) !== 0o700;
}
