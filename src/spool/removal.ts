/**
 * Removing what others may have filled: the command, or somebody who has taken the service over.
 *
 * @module
 */

import { join } from "node:path";

/**
 * Removes a file, a link (not what it points to) or a folder with all that is in it. Nothing there is fine. Throws what
 * the file system throws.
 */
export function removeWhatever(path: string): void {
  try {
    // What mostly is there: a file. A folder that holds something is refused.
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
 * The same without keeping anybody waiting, for a folder of a job, which may hold any number of files. Rejects with what
 * the file system throws.
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

/** Opens a folder and says whether there may be others in it. Throws what the file system throws. */
function holdsFolders(path: string): boolean {
  const { isDirectory, nlink } = Deno.lstatSync(path);
  if (!isDirectory) return false;
  makeOpen(path);
  // Each folder in a folder is one link more (inode(7)), where links are counted: then there is nothing to list.
  return nlink !== 2;
}

/**
 * Moves every folder that lies deeper up into the top one. The runtime takes a descriptor and a piece of its stack for
 * each level that it descends, so a folder that is nested some ten thousand times would end the process. What cannot be
 * moved stays: the removal that follows says why. Yields each folder and is handed those in it.
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

/** A folder that its owner may not enter could neither be looked into nor moved. */
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
