/**
 * The files that the program consists of.
 *
 * @module
 */

import { projectRoot } from "./program.ts";

/** Texts of `main.ts` and all code in `src`, by path relative to the project's folder. */
export function programSources(): ReadonlyMap<string, string> {
  const sources = new Map<string, string>();
  const add = (path: string) => sources.set(path, Deno.readTextFileSync(`${projectRoot}${path}`));
  const visit = (folder: string) => {
    for (const { name, isDirectory } of Deno.readDirSync(`${projectRoot}${folder}`)) {
      if (isDirectory) visit(`${folder}/${name}`);
      else if (/\.[cm]?[jt]sx?$/.test(name)) add(`${folder}/${name}`);
    }
  };
  visit("src");
  add("main.ts");
  return sources;
}
