/**
 * What main does to processes: for the service while it lives, and for servers that are dead.
 *
 * @module
 */

import { join } from "node:path";
import type { Config } from "../config.ts";
import { type DeadSpools, findDeadSpools, requestFilesIn } from "../exec/spool.ts";
import type { ServiceStart, TreeRequest } from "../messages.ts";
import { type Log, messageOf } from "../telemetry/log.ts";
import type { Caretaker } from "./isolate.ts";
import { clientsGone } from "./connections.ts";
import { measureProcess } from "./process_figures.ts";
import { endTree } from "./process_tree.ts";

/** What main does for the service, and what is still being done. */
export interface BusyCaretaker extends Caretaker {
  /** Resolves when nothing is being ended any more. */
  idle(): Promise<unknown>;
}

/**
 * The only thing that the service can have done outside its permissions, and only to processes of its own jobs: a mark
 * outside its spool is refused, whoever asks.
 */
export function caretakerOf({ config, spool }: ServiceStart, log: Log): BusyCaretaker {
  const busy = new Set<Promise<void>>();
  let processesEnded = 0;

  async function end(
    { pid, mark, holdersOnly }: Omit<TreeRequest, "id">,
    onLooked: () => void,
  ): Promise<void> {
    try {
      const options = { graceMs: config.killGraceMs, holdersOnly, onLooked };
      const { signalled, left } = await endTree({ pid, marks: new Set([mark]) }, options);
      processesEnded += signalled;
      if (left > 0) log.error("processes of a job could not be ended", { mark, left });
    } catch (error) {
      log.error("a job's processes could not be ended", {
        mark,
        "exception.message": messageOf(error),
      });
    }
  }

  return {
    async endTree(tree) {
      if (!tree.mark.startsWith(join(spool, "jobdata_"))) return;
      const looked = Promise.withResolvers<void>();
      const ending = end(tree, looked.resolve);
      busy.add(ending);
      ending.finally(() => busy.delete(ending));
      // Holders are found by the pipes that the service still has: it waits until they were looked at, and no longer.
      await (tree.holdersOnly ? Promise.race([looked.promise, ending]) : ending);
    },
    clientsGone: (clients) => clientsGone(clients),
    measure: () => ({ ...measureProcess(), processesEnded }),
    idle: () => Promise.all(busy),
  };
}

/** Ends the processes of the jobs whose files are still in a spool; those of finished jobs are left alone. */
export async function endJobsIn(spool: string, graceMs: number): Promise<number> {
  const { signalled } = await endTree({ marks: requestFilesIn(spool) }, { graceMs });
  return signalled;
}

/** What dead servers left: their jobs' processes are ended, their files removed. Nothing here stops a start. */
export async function clearDeadSpools(config: Config, log: Log): Promise<void> {
  let dead: DeadSpools;
  try {
    dead = findDeadSpools(Deno.realPathSync(config.spoolParent));
  } catch (error) {
    log.warn("cannot look for what dead servers left", { "exception.message": messageOf(error) });
    return;
  }
  using _held = dead;
  for (const spool of dead.paths) {
    const ended = await endJobsIn(spool, config.killGraceMs);
    try {
      dead.remove(spool);
      log.warn("cleared what a dead server left", { spool, processes_ended: ended });
    } catch (error) {
      log.warn("cannot clear what a dead server left", {
        spool,
        processes_ended: ended,
        "exception.message": messageOf(error),
      });
    }
  }
}
