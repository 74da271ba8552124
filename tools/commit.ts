/**
 * The commit that a release is made of.
 *
 * @module
 */

import { BuildFailure } from "./build_failure.ts";
import { requireCommand } from "./required_command.ts";

/** A version's tag; other tags are ignored. */
const versionTag = /^v\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?$/;

/** When the commit was made, to the second. */
export async function commitDate(root: string): Promise<Date> {
  const seconds = await requireCommand("git", ["log", "-1", "--format=%ct"], root);
  return new Date(1000 * Number(seconds));
}

/** Throws a `BuildFailure` when the commit is tagged as another version. */
export async function refuseOtherTag(root: string, version: string): Promise<void> {
  const tags = (await requireCommand("git", ["tag", "--points-at", "HEAD"], root)).split("\n");
  const other = tags.find((tag) => versionTag.test(tag) && tag !== `v${version}`);
  if (other !== undefined) {
    throw new BuildFailure(
      `tag ${other}: must be v${version}, as deno.json has the version ${version}`,
    );
  }
}

/** The files that git tracks among these paths and below these folders, sorted. */
export async function trackedFiles(root: string, paths: readonly string[]): Promise<string[]> {
  const listed = await requireCommand("git", ["ls-files", "-z", "--", ...paths], root);
  return listed.split("\0").filter((path) => path !== "").sort();
}
