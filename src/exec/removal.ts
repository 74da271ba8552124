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
    const { isDirectory, nlink } = Deno.lstatSync(path);
    if (isDirectory) {
      makeOpen(path);
      // Each folder in a folder is one link more (inode(7)), where links are counted: then there is nothing to list.
      if (nlink !== 2) flatten(path);
    }
    Deno.removeSync(path, { recursive: true });
  }
}

/**
 * Moves every folder that lies deeper up into the top one. The runtime takes a descriptor and a piece of its stack for
 * each level that it descends, so a folder that is nested some ten thousand times would end the process. What cannot be
 * moved stays: the removal that follows says why.
 */
function flatten(top: string): void {
  const unique = crypto.randomUUID();
  let moved = 0;
  const folders = [top];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const inner of foldersIn(folder)) {
      const place = folder === top ? inner : join(top, `${unique}-${++moved}`);
      if (folder === top || succeeds(() => Deno.renameSync(inner, place))) folders.push(place);
    }
  }
}

function foldersIn(path: string): string[] {
  let folders: string[] = [];
  succeeds(() => {
    folders = [...Deno.readDirSync(path)].filter((entry) => entry.isDirectory)
      .map((entry) => join(path, entry.name));
  });
  folders.forEach(makeOpen);
  return folders;
}

/** A folder that its owner may not enter could neither be looked into nor moved. */
function makeOpen(folder: string): void {
  succeeds(() => Deno.chmodSync(folder, 0o700));
}

function succeeds(act: () => void): boolean {
  try {
    act();
    return true;
  } catch {
    return false;
  }
}
