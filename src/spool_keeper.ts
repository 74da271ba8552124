/**
 * The service's spool from its start to its end.
 *
 * @module
 */

import { openSpool, type Spool } from "./exec/spool.ts";
import { StartError } from "./start_error.ts";
import { type Log, messageOf } from "./telemetry/log.ts";

/** See the module's head. */
export interface SpoolKeeper {
  /** Where the files of jobs lie. */
  readonly spool: Spool;
  /** Removes it; what is in the way of that is said in the log. */
  close(): void;
}

/** How often the spool's lock is looked after, so that no temp cleaner takes it for abandoned. */
const refreshMs = 20_000;

/** Makes the spool and looks after it. Throws a `StartError` when it cannot be made. */
export function keepSpool(path: string, log: Log): SpoolKeeper {
  const spool = claim(path);
  const refresher = setInterval(() => {
    try {
      spool.refresh();
    } catch (error) {
      log.error("the spool folder is out of order", { "exception.message": messageOf(error) });
    }
  }, refreshMs);
  return {
    spool,
    close() {
      clearInterval(refresher);
      try {
        spool.close();
      } catch (error) {
        log.error("the spool folder could not be removed", {
          spool: spool.path,
          "exception.message": messageOf(error),
        });
      }
    },
  };
}

function claim(path: string): Spool {
  try {
    return openSpool(path);
  } catch (error) {
    throw new StartError(`cannot make the spool folder ${path}: ${messageOf(error)}`);
  }
}
