/**
 * The spool: a folder that holds a folder for each running job. Main makes and mends it; the service looks at it before
 * it goes through it.
 *
 * @module
 */

import { join } from "node:path";
import { folderAt, look } from "./own_folder.ts";

/** The spool as the service uses it. */
export interface Spool {
  /** Absolute path, exactly as permissions were granted for it. */
  readonly path: string;
  /** Whether it is the folder that main made. */
  isSound(): boolean;
  /** Folders of jobs that could not be removed, such as in a spool that was shut at that moment. */
  readonly leftovers: Set<string>;
  /** Has it mended unless it is sound. Rejects with the reason when that could not be done. */
  ensure(): Promise<void>;
}

/** The spool at `path`, which main has just made. `mend` asks main. */
export function openSpool(path: string, mend: () => Promise<void>): Spool {
  let folder = folderAt(path);
  return {
    path,
    leftovers: new Set(),
    isSound: () => folder.isSound(),
    async ensure() {
      if (folder.isSound()) return;
      await mend();
      folder = folderAt(path);
      if (!folder.isSound()) throw new Error(`${path}: something else is in the spool's place`);
    },
  };
}

/** The variable whose value, the path of the job's folder, marks the processes of its tree. */
export const markVariable = "JOBRUNNER_JOB_DIR";

/** The folder of one job; its path is also the mark of the job's processes. `random` is 16 hexadecimal digits. */
export function jobFolderIn(spool: string, random: string): string {
  return join(spool, `job-${random}`);
}

/** What is unique in the name of a job's folder; undefined for any other name. */
export function jobFolderRandom(name: string): string | undefined {
  return /^job-([0-9a-f]{16})$/.exec(name)?.[1];
}

/** Whether a mark has the form of those of a spool's jobs: the path of a job's folder. */
export function isMarkIn(spool: string, mark: string): boolean {
  const prefix = join(spool, "/");
  return mark.startsWith(prefix) && jobFolderRandom(mark.slice(prefix.length)) !== undefined;
}

/**
 * Whether a mark belongs to a job of this spool that has not come to its end: its folder is still there, or nobody can tell,
 * since a job shut the spool. Asked of each mark, because the spool may hold any number of files.
 */
export function isUnfinished(spool: string, mark: string): boolean {
  if (!isMarkIn(spool, mark)) return false;
  try {
    return look(mark) !== undefined;
  } catch {
    return true;
  }
}
