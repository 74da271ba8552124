/**
 * Archives of a release: the same files and date make the same bytes on every machine.
 *
 * @module
 */

import { dirname } from "node:path";
import { requireCommand } from "./required_command.ts";
import { zip } from "./zip.ts";

/** One file of an archive. */
export interface ArchiveEntry {
  /** Path in the archive's own folder. */
  readonly name: string;
  /** Where its content is. */
  readonly path: string;
  /** Permissions, as in 0o644. */
  readonly mode: number;
}

/** Writes `folder/name.zip`, with everything inside a folder `name`. */
export function writeZip(
  folder: string,
  name: string,
  entries: readonly ArchiveEntry[],
  date: Date,
): void {
  const files = entries.map((entry) => ({
    name: `${name}/${entry.name}`,
    bytes: Deno.readFileSync(entry.path),
    mode: entry.mode,
  }));
  Deno.writeFileSync(`${folder}/${name}.zip`, zip(files, date));
}

/** Writes `folder/name.tar.gz`, with everything inside a folder `name`. Needs GNU tar. */
export async function writeTarball(
  folder: string,
  name: string,
  entries: readonly ArchiveEntry[],
  date: Date,
): Promise<void> {
  using staging = temporaryFolderIn(folder);
  makeFolder(`${staging.path}/${name}`);
  for (const entry of entries) {
    const path = `${staging.path}/${name}/${entry.name}`;
    for (const parent of parentsOf(entry.name)) makeFolder(`${staging.path}/${name}/${parent}`);
    Deno.copyFileSync(entry.path, path);
    Deno.chmodSync(path, entry.mode);
  }
  await requireCommand("tar", [
    "--create",
    "--gzip",
    "--format=ustar",
    "--sort=name",
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    `--mtime=@${date.getTime() / 1000}`,
    `--file=../${name}.tar.gz`,
    name,
  ], staging.path);
}

/** The folders that a path is in, outermost first. */
function parentsOf(path: string): string[] {
  const parent = dirname(path);
  return parent === "." ? [] : [...parentsOf(parent), parent];
}

/** Makes a folder with the same permissions under every umask. */
function makeFolder(path: string): void {
  Deno.mkdirSync(path, { recursive: true });
  Deno.chmodSync(path, 0o755);
}

function temporaryFolderIn(folder: string): Disposable & { readonly path: string } {
  const path = Deno.makeTempDirSync({ dir: folder });
  return { path, [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }) };
}
