/**
 * `jobrunner wait-file TIMEOUT_SEC FOLDER NAME`: waits for a file that another program writes.
 *
 * @module
 */

import { longestTimerSec } from "../async/longest_timer.ts";
import { join } from "node:path";

/** The usage text of `wait-file`. */
const waitFileUsage = "usage: jobrunner wait-file TIMEOUT_SEC FOLDER NAME";

/** Polling interval. A file is complete if its size and time are the same at two successive polls. */
const lookMs = 200;

/**
 * Runs `wait-file` and resolves with the exit code. 0: the file exists and has stopped growing; 1: timeout; 2: wrong usage or an
 * unreadable folder.
 */
export async function waitFile(
  args: readonly string[],
  print: (line: string) => void = console.error,
): Promise<number> {
  const [timeout = "", folder = "", name = "", ...more] = args;
  const seconds = Number(timeout);
  const usageError = args.length < 3 || more.length > 0
    ? waitFileUsage
    : timeout.trim() === "" || !(seconds >= 0 && seconds <= longestTimerSec)
    ? `TIMEOUT_SEC=${timeout}: must be a number of seconds from 0 to ${longestTimerSec}`
    : name === "" || /^\.{1,2}$|[/\\]/.test(name)
    ? `NAME=${name}: must be the name of a file, without its folder`
    : unreadable(folder);
  if (usageError !== undefined) {
    print(usageError);
    return 2;
  }
  const giveUpAt = performance.now() + seconds * 1000;
  let before = lookAt(join(folder, name));
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, lookMs));
    const folderError = unreadable(folder);
    if (folderError !== undefined) {
      print(folderError);
      return 2;
    }
    const now = lookAt(join(folder, name));
    if (now !== undefined && now === before) return 0;
    if (performance.now() >= giveUpAt) {
      print(
        `${name}: ${now === undefined ? "does not exist" : "is still growing"} after ${seconds} s`,
      );
      return 1;
    }
    before = now;
  }
}

/** Size and time of a regular file; undefined if it does not exist. */
function lookAt(path: string): string | undefined {
  try {
    const info = Deno.statSync(path);
    return info.isFile ? `${info.size} ${info.mtime?.getTime()}` : undefined;
  } catch {
    return undefined;
  }
}

/** A sentence if a folder cannot be read; undefined if it can. */
function unreadable(folder: string): string | undefined {
  try {
    for (const _ of Deno.readDirSync(folder)) break;
    return undefined;
  } catch {
    return `FOLDER=${folder}: must be a folder that can be read`;
  }
}
