/**
 * A folder for one test, removed afterwards.
 *
 * @module
 */

import { dirname } from "node:path";
import { eventually } from "./processes.ts";

/** Makes an empty folder in `parent`, or else in the temp folder; disposing of it removes it with all that is in it. */
export function temporaryFolder(parent?: string): Disposable & { readonly path: string } {
  const options = { prefix: "jobrunner-test-", ...(parent === undefined ? {} : { dir: parent }) };
  const path = Deno.realPathSync(Deno.makeTempDirSync(options));
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}

/** Waits until a file exists: fixtures report that way that they have started. */
export async function fileExists(path: string): Promise<void> {
  const folder = path.slice(0, path.lastIndexOf("/"));
  const watcher = Deno.watchFs(folder);
  try {
    if (exists(path)) return;
    for await (const _event of watcher) {
      if (exists(path)) return;
    }
  } finally {
    try {
      watcher.close();
    } catch {
      // Leaving the loop closed it.
    }
  }
}

/** Waits until a change of the folder gets a later time than its latest one: the clocks of file systems are coarse. */
export async function nextModificationTime(path: string): Promise<void> {
  const { mtime } = Deno.lstatSync(path);
  await eventually("the clock of the file system goes on", () => {
    using probe = temporaryFolder(dirname(path));
    return Number(Deno.lstatSync(probe.path).mtime) > Number(mtime);
  });
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/** Whether a file in the folder is not empty. A file that is removed meanwhile, such as one that only tried the folder, is none. */
export function somethingIn(folder: string): boolean {
  return [...Deno.readDirSync(folder)].some(({ name }) => {
    try {
      return Deno.lstatSync(`${folder}/${name}`).size > 0;
    } catch {
      return false;
    }
  });
}

/** Writes a file of so many zeros, which need no room on the disk, into a folder; returns its path. */
export function writeZeros(folder: string, length: number): string {
  const path = `${folder}/zeros`;
  Deno.writeFileSync(path, new Uint8Array());
  Deno.truncateSync(path, length);
  return path;
}
