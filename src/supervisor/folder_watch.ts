/**
 * Watches a server's folder, since jobs may change it.
 *
 * @module
 */

import { join } from "node:path";
import { look } from "../spool/own_folder.ts";
import { launcherFolder } from "./launchers.ts";

/** Shortest pause between two repairs of a folder because of changes in it. */
const watchPauseMs = 50;

/**
 * Repairs a server's folder as soon as anything changes in it or in the launcher's folder: a changed launcher would run
 * another program, and a replaced lock would keep no other server away. Changes inside the spool are not watched. Where
 * folders cannot be watched, the regular refresh finds the changes.
 */
export function watch(path: string, repair: () => void): Disposable {
  let watcher: Deno.FsWatcher | undefined;
  let endPause = () => {};
  let closed = Deno.build.os !== "linux";
  const repairIfPossible = () => {
    try {
      repair();
    } catch {
      // The next refresh logs the reason.
    }
  };

  function pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, watchPauseMs);
      endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async function keepWatching(): Promise<void> {
    while (!closed) {
      const run = join(path, launcherFolder);
      watcher = Deno.watchFs(look(run)?.isDirectory ? [path, run] : [path], { recursive: false });
      // Something may have changed before the watch began.
      repairIfPossible();
      // Leaving the loop closes the watcher.
      for await (const _change of watcher) break;
      watcher = undefined;
      if (!closed) await pause();
      // A folder that was removed cannot be watched.
      if (!closed) repairIfPossible();
    }
  }

  keepWatching().catch(() => {});
  return {
    [Symbol.dispose]() {
      if (closed) return;
      closed = true;
      watcher?.close();
      endPause();
    },
  };
}
