/**
 * A spool for one test.
 *
 * @module
 */

import { makeFolder } from "../../src/spool/own_folder.ts";
import { openSpool, type Spool } from "../../src/spool/spool.ts";
import { temporaryFolder } from "./folder.ts";

/** Opens a spool in a folder of its own, and repairs it as main would; disposing of it removes both. */
export function temporarySpool(): Disposable & { readonly spool: Spool; readonly parent: string } {
  const folder = temporaryFolder();
  const path = `${folder.path}/spool`;
  const own = makeFolder(path);
  const spool = openSpool(path, () => Promise.resolve().then(() => void own.repair()));
  return { spool, parent: folder.path, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

/** The spool of a program whose folder is the only one in `parent`. */
export function spoolIn(parent: string): string {
  const [server] = [...Deno.readDirSync(parent)].filter(({ name }) =>
    name.startsWith("jobrunner-")
  );
  return `${parent}/${server?.name}/spool`;
}

/** Paths of all that lies in a spool, from there. */
export function filesIn(spoolPath: string): string[] {
  const found: string[] = [];
  const folders = [""];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const { name, isDirectory } of Deno.readDirSync(`${spoolPath}/${folder}`)) {
      found.push(`${folder}${name}`);
      if (isDirectory) folders.push(`${folder}${name}/`);
    }
  }
  return found.sort();
}
