/**
 * `jobrunner wait-file TIMEOUT_SEC FOLDER NAME`: waits for a file that another program writes.
 *
 * @module
 */

import { longestTimerSec } from "../async/longest_timer.ts";
import { join } from "node:path";

/** What `wait-file` says of itself. */
const waitFileUsage = "usage: jobrunner wait-file TIMEOUT_SEC FOLDER NAME";

/** Between two looks. A file whose size and time are the same at both is whole. */
const lookMs = 200;

/** Resolves with the exit code: 0 the file is there and does not grow, 1 it is not in time, 2 wrong usage or an unreadable folder. */
export async function waitFile(
  args: readonly string[],
  say: (line: string) => void = console.error,
): Promise<number> {
  const [timeout = "", folder = "", name = "", ...more] = args;
  const seconds = Number(timeout);
  const fault = args.length < 3 || more.length > 0
    ? waitFileUsage
    : timeout.trim() === "" || !(seconds >= 0 && seconds <= longestTimerSec)
    ? `TIMEOUT_SEC=${timeout}: must be a number of seconds from 0 to ${longestTimerSec}`
    : name === "" || /^\.{1,2}$|[/\\]/.test(name)
    ? `NAME=${name}: must be the name of a file, without its folder`
    : unreadable(folder);
  if (fault !== undefined) {
    say(fault);
    return 2;
  }
  const giveUpAt = performance.now() + seconds * 1000;
  let before = lookAt(join(folder, name));
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, lookMs));
    const gone = unreadable(folder);
    if (gone !== undefined) {
      say(gone);
      return 2;
    }
    const now = lookAt(join(folder, name));
    if (now !== undefined && now === before) return 0;
    if (performance.now() >= giveUpAt) {
      say(
        `${name}: ${now === undefined ? "is not there" : "still grows"} after ${seconds} seconds`,
      );
      return 1;
    }
    before = now;
  }
}

/** Size and time of a regular file; undefined when there is none. */
function lookAt(path: string): string | undefined {
  try {
    const info = Deno.statSync(path);
    return info.isFile ? `${info.size} ${info.mtime?.getTime()}` : undefined;
  } catch {
    return undefined;
  }
}

function unreadable(folder: string): string | undefined {
  try {
    for (const _ of Deno.readDirSync(folder)) break;
    return undefined;
  } catch {
    return `FOLDER=${folder}: must be a folder that can be read`;
  }
}
