/**
 * What main does on behalf of the running service, and how it cleans up after servers that died.
 *
 * @module
 */

import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { isMarkIn, isUnfinished } from "../spool/spool.ts";
import type { Caretaker } from "../isolate/abilities.ts";
import type { TreeRequest } from "../isolate/messages.ts";
import { type Log, messageOf } from "../telemetry/log.ts";
import { clientsGone } from "../machine/connections.ts";
import { measureProcess } from "../machine/process_figures.ts";
import type { ProcessInfo } from "../machine/process_table.ts";
import { endTree } from "../machine/process_tree.ts";
import { type Folders, spoolName } from "./folders.ts";
import type { ListenSocket } from "./listen_socket.ts";
import { type DeadServerFolders, findDeadServerFolders } from "./server_folder.ts";

/** What main does for the service, with a way to wait for it. */
export interface BusyCaretaker extends Caretaker {
  /** Resolves when no process tree is being killed any more. */
  idle(): Promise<unknown>;
}

/** The killing of one job's processes. */
interface TreeEnd {
  /** Resolves after the first look at them. */
  readonly looked: Promise<void>;
  /** Resolves when they are gone or were given up. */
  readonly over: Promise<void>;
}

/**
 * Creates what the service can ask for. Killing processes is the only effect outside its permissions, and it is limited to
 * processes of its own jobs: the border rejects marks outside the service's spool. `configReloaded` returns whether the last
 * attempt to read the configuration file was successful; undefined without one. `socket` is undefined if the server listens on an
 * address of the network.
 */
export function caretakerOf(
  folders: Folders,
  log: Log,
  configReloaded: () => boolean | undefined,
  socket?: ListenSocket,
): BusyCaretaker {
  const treeEnds = new Map<string, TreeEnd>();
  let processesEnded = 0;

  async function end(
    { pid, mark, holdersOnly, graceMs }: TreeRequest,
    onLooked: () => void,
  ): Promise<void> {
    try {
      const options = { graceMs, holdersOnly, onLooked };
      const { signalled, left } = await endTree(
        { pid, hasMark: (other) => other === mark },
        options,
      );
      processesEnded += signalled;
      if (left > 0) log.write("some processes of a job could not be killed", { mark, left });
    } catch (error) {
      log.write("killing a job's processes failed", {
        mark,
        "exception.message": messageOf(error),
      });
    }
  }

  /** A tree that is already being killed is not killed a second time, however often the service asks. */
  function endOnce(tree: TreeRequest): TreeEnd {
    const key = `${tree.holdersOnly} ${tree.mark}`;
    const known = treeEnds.get(key);
    if (known) return known;
    const looked = Promise.withResolvers<void>();
    const over = end(tree, looked.resolve).finally(() => treeEnds.delete(key));
    const begun = { looked: looked.promise, over };
    treeEnds.set(key, begun);
    return begun;
  }

  return {
    // Failures are logged; the job that waits for the answer continues anyway.
    async end_tree(tree) {
      const { looked, over } = endOnce(tree);
      // Processes that hold a pipe are found by the service's end of it, so it waits for the first look, and no longer.
      await (tree.holdersOnly ? Promise.race([looked, over]) : over);
    },
    measure() {
      const reloaded = configReloaded();
      return {
        ...measureProcess(),
        ...(reloaded === undefined ? {} : { configReloaded: reloaded }),
        processesEnded,
      };
    },
    find_gone: (clients) => clientsGone(clients),
    repair: () => reasonOf(() => folders.repair()),
    publish_socket: () => reasonOf(() => socket?.publish()),
    free_launcher: ({ path }) => folders.free(path),
    idle: () => Promise.all([...treeEnds.values()].map(({ over }) => over)),
  };
}

/** The reason if an action fails. */
function reasonOf(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/**
 * Kills the processes of the jobs whose folders are still in a spool; those of finished jobs are left alone. If the spool's
 * content cannot be trusted, `every` kills those of all jobs that the spool has ever had. `ofDeadServer`: the spool is not
 * this server's. `seen`: processes that belonged to running jobs before the service was terminated. Returns how many were
 * signalled.
 */
export async function endJobsIn(
  spool: string,
  graceMs: number,
  { which = "unfinished", ofDeadServer = false, seen = [] }: {
    readonly which?: "unfinished" | "every";
    readonly ofDeadServer?: boolean;
    readonly seen?: readonly ProcessInfo[];
  } = {},
): Promise<number> {
  const belongs = which === "every" ? isMarkIn : isUnfinished;
  const hasMark = (mark: string) => belongs(spool, mark);
  const { signalled } = await endTree({ hasMark, ofDeadServer, seen }, { graceMs });
  return signalled;
}

/** Kills the processes and removes the files that dead servers left behind. Failures are logged and do not prevent a start. */
export async function clearDeadServers(
  { spool, launcher, stopping }: Config,
  log: Log,
): Promise<void> {
  const parents = [spool.parent, ...launcher.parents].map(realPathOf);
  for (const parent of new Set(parents)) {
    await clearDeadServersIn(parent, stopping.killGraceMs, log);
  }
}

async function clearDeadServersIn(parent: string, graceMs: number, log: Log): Promise<void> {
  let dead: DeadServerFolders;
  try {
    dead = findDeadServerFolders(parent);
  } catch (error) {
    log.write("cannot scan for leftovers of dead servers", {
      "file.path": parent,
      "exception.message": messageOf(error),
    });
    return;
  }
  using _held = dead;
  for (const folder of dead.paths) {
    const ended = await endJobsIn(join(folder, spoolName), graceMs, { ofDeadServer: true });
    const fields = { "file.path": folder, processes_ended: ended };
    try {
      dead.remove(folder);
      log.write("removed leftovers of a dead server", fields);
    } catch (error) {
      log.write("cannot remove leftovers of a dead server", {
        ...fields,
        "exception.message": messageOf(error),
      });
    }
  }
}

/** The path itself if it cannot be resolved: reading the folder then fails with the reason. */
function realPathOf(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    return path;
  }
}
