/**
 * A spool for one test.
 *
 * @module
 */

import { newSpoolPath, openSpool, type Spool } from "../../src/exec/spool.ts";
import { temporaryFolder } from "./folder.ts";

/** Opens a spool in a folder of its own; disposing of it removes both. */
export function temporarySpool(): Disposable & { readonly spool: Spool; readonly parent: string } {
  const folder = temporaryFolder();
  const spool = openSpool(newSpoolPath(folder.path));
  return {
    spool,
    parent: folder.path,
    [Symbol.dispose]() {
      spool.close();
      folder[Symbol.dispose]();
    },
  };
}

/** Names of the job files in a spool. */
export function jobFiles(spoolPath: string): string[] {
  return [...Deno.readDirSync(spoolPath)].map((entry) => entry.name).filter((name) =>
    name !== "lock"
  ).sort();
}
