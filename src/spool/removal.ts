/**
 * Removes folders that others may have filled: a command, or an attacker who controls the service.
 *
 * @module
 */

import { join } from "node:path";
import { largeFileBytes } from "./sizes.ts";

/**
 * Removes a file, a link (not its target) or a folder with everything in it. No effect if nothing is there. Throws errors of
 * the file system.
 */
export function removeWhatever(path: string): void {
  try {
    // The common case is a file. A folder that is not empty fails here.
    Deno.removeSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    if (holdsFolders(path)) {
      const flattening = flatten(path);
      for (let step = flattening.next(); !step.done;) {
        const { value: folder } = step;
        step = flattening.next(
          unlessFailed([], () => foldersAmong(folder, Deno.readDirSync(folder))),
        );
      }
    }
    Deno.removeSync(path, { recursive: true });
  }
}

/**
 * The same as `removeWhatever` without blocking the event loop, for the folder of a job, which may hold any number of files.
 * Rejects with errors of the file system.
 */
export async function removeInBackground(path: string): Promise<void> {
  try {
    if (holdsFolders(path)) {
      const flattening = flatten(path);
      for (let step = flattening.next(); !step.done;) {
        const { value: folder } = step;
        const entries = await Array.fromAsync(Deno.readDir(folder)).catch(() => []);
        step = flattening.next(foldersAmong(folder, entries));
      }
    }
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * The same for a path of which a small file is expected: that is removed at once, which costs less. Anything else does not block
 * the event loop.
 */
export async function removeSmallOrAny(path: string): Promise<void> {
  try {
    const { isDirectory, size } = Deno.lstatSync(path);
    if (!isDirectory && size <= largeFileBytes) return Deno.removeSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  await removeInBackground(path);
}

/** Makes a folder accessible and returns whether it may hold other folders. Throws errors of the file system. */
function holdsFolders(path: string): boolean {
  const { isDirectory, nlink } = Deno.lstatSync(path);
  if (!isDirectory) return false;
  makeOpen(path);
  // Where links are counted, each folder inside adds one (inode(7)), so with 2 links there is nothing to list.
  return nlink !== 2;
}

/**
 * Moves every deeper folder up into the top one. The runtime uses a descriptor and part of its stack for each level that it
 * descends, so a folder with some ten thousand levels would crash the process. A folder that cannot be moved stays where it
 * is: the removal that follows reports why. Yields each folder and is passed the paths of those in it.
 */
function* flatten(top: string): Generator<string, void, readonly string[]> {
  const unique = crypto.randomUUID();
  let moved = 0;
  const folders = [top];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const inner of yield folder) {
      makeOpen(inner);
      const place = folder === top ? inner : join(top, `${unique}-${++moved}`);
      const isThere = folder === top ||
        unlessFailed(false, () => (Deno.renameSync(inner, place), true));
      if (isThere) folders.push(place);
    }
  }
}

function foldersAmong(path: string, entries: Iterable<Deno.DirEntry>): string[] {
  return [...entries].filter((entry) => entry.isDirectory).map((entry) => join(path, entry.name));
}

/** Gives the owner access: without it a folder could be neither read nor moved. */
function makeOpen(folder: string): void {
  unlessFailed(undefined, () => Deno.chmodSync(folder, 0o700));
}

function unlessFailed<T>(otherwise: T, act: () => T): T {
  try {
    return act();
  } catch {
    return otherwise;
  }
}
