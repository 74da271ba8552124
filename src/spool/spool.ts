/**
 * The spool: a folder that holds one folder for each job that runs or whose body is on the disk, and large outputs. Main makes and
 * repairs it; the service checks it before each use.
 *
 * @module
 */

import { join, sep } from "node:path";
import { folderAt, look } from "./own_folder.ts";

/** The spool as the service uses it. */
export interface Spool {
  /** Absolute path, exactly as in the permissions. */
  readonly path: string;
  /** Whether it is still the folder that main made, with its mode. */
  isSound(): boolean;
  /** Folders and files that could not be removed, for example because the spool was inaccessible at that moment. */
  readonly leftovers: Set<string>;
  /** Has main repair the spool unless it is sound. Rejects with the reason if that fails. */
  ensure(): Promise<void>;
}

/** The spool at `path`, which main has just made. `repair` asks main to repair it. */
export function openSpool(path: string, repair: () => Promise<void>): Spool {
  let folder = folderAt(path);
  // One for all who ask, since each job does.
  const sound = Promise.resolve();
  async function repairNow(): Promise<void> {
    await repair();
    folder = folderAt(path);
    if (!folder.isSound()) throw new Error(`${path}: something else is in the spool's place`);
  }
  return {
    path,
    leftovers: new Set(),
    isSound: () => folder.isSound(),
    ensure: () => folder.isSound() ? sound : repairNow(),
  };
}

/**
 * Makes something in the spool, which is repaired first if necessary. Tries a second time, since a job may damage the spool at
 * the same moment. Rejects with the errors of the second time.
 */
export async function makeInSpool<T>(spool: Spool, make: () => T): Promise<T> {
  await spool.ensure();
  try {
    return make();
  } catch {
    await spool.ensure();
    return make();
  }
}

/** The variable that marks the processes of a job's tree. Its value is the path of the job's folder. */
export const markVariable = "JOBRUNNER_JOB_DIR";

/** Path of a job's folder, which is also the mark of the job's processes. `random` is 16 hexadecimal digits. */
export function jobFolderIn(spool: string, random: string): string {
  return `${spool}${sep}job-${random}`;
}

/** The unique part in the name of a job's folder; undefined for any other name. */
export function jobFolderRandom(name: string): string | undefined {
  return /^job-([0-9a-f]{16})$/.exec(name)?.[1];
}

/** Whether a mark has the form of a path of a job's folder in this spool. */
export function isMarkIn(spool: string, mark: string): boolean {
  const prefix = join(spool, "/");
  return mark.startsWith(prefix) && jobFolderRandom(mark.slice(prefix.length)) !== undefined;
}

/**
 * Whether a mark belongs to an unfinished job of this spool: the job's folder still exists, or the spool cannot be read because
 * a job changed its mode. Each mark is checked alone, because the spool may hold any number of files.
 */
export function isUnfinished(spool: string, mark: string): boolean {
  if (!isMarkIn(spool, mark)) return false;
  try {
    return look(mark) !== undefined;
  } catch {
    return true;
  }
}
