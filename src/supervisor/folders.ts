/**
 * The folders of a server from its start to its end.
 *
 * @module
 */

import { join } from "node:path";
import type { Config } from "../config.ts";
import { StartError } from "../start_error.ts";
import { type Log, messageOf } from "../telemetry/log.ts";
import { newServerFolderPath, openServerFolder } from "./server_folder.ts";

/** See the module's head. */
export interface Folders {
  /** Absolute path of the spool, without links: the same string is granted to the service and used by it. */
  readonly spool: string;
  /** Puts right what somebody changed or removed, and says so in the log. Throws what the file system throws. */
  mend(): void;
  /** Removes them; what is in the way of that is said in the log. Twice is fine. */
  close(): void;
}

/** Name of the spool inside the server's folder. */
export const spoolName = "spool";

/** How often they are looked after, so that no temp cleaner takes them for abandoned. */
const refreshMs = 20_000;

/** Makes the folders and looks after them. Throws a `StartError` when they cannot be made. */
export function openFolders({ spoolParent }: Pick<Config, "spoolParent">, log: Log): Folders {
  const { path, folder } = orStartError(`make a folder in ${spoolParent}`, () => {
    const path = newServerFolderPath(Deno.realPathSync(spoolParent));
    const folder = openServerFolder(path);
    folder.addFolder(spoolName);
    return { path, folder };
  });
  const tellOf = (mended: readonly string[]) => {
    for (const path of mended) {
      log.warn("what the server needs was changed, replaced or removed, and is put right", {
        "file.path": path,
      });
    }
  };
  const refresher = setInterval(() => {
    try {
      tellOf(folder.refresh());
    } catch (error) {
      log.error("the server's folder cannot be put right", {
        "exception.message": messageOf(error),
      });
    }
  }, refreshMs);
  return {
    spool: join(path, spoolName),
    mend: () => tellOf(folder.mend()),
    close() {
      clearInterval(refresher);
      try {
        folder.close();
      } catch (error) {
        log.error("the server's folder could not be removed", {
          "file.path": path,
          "exception.message": messageOf(error),
        });
      }
    },
  };
}

function orStartError<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new StartError(`cannot ${what}: ${messageOf(error)}`);
  }
}
