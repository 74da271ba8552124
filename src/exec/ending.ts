/**
 * How a run ends: by itself, with the exit status that a shell would report, or for a cause, together with its process tree.
 *
 * @module
 */

import { atMost } from "../async/at_most.ts";
import type { Cause, Ending } from "../jobs/job.ts";
import type { Stop } from "../jobs/stop.ts";
import type { Pipe } from "./pipe.ts";
import type { StdinCopy } from "./stdin.ts";

/** Asks the main isolate, which may signal processes, to kill the process tree of a job. */
export interface TreeEnder {
  /** Resolves when the tree is gone, or when main has given it up, at most half a second after the grace period. */
  endTree(tree: { readonly pid: number; readonly mark: string }): Promise<void>;
  /**
   * Kills the processes of the tree that hold a pipe of ours; resolves as soon as they are found. The command's process id is
   * also the number of its session, if it has one of its own.
   */
  endHolders(tree: { readonly pid: number; readonly mark: string }): Promise<void>;
}

/** How long the command's status may be missing after its tree was killed; after that, waiting is given up. */
const statusGraceMs = 250;

/**
 * Waits for the command's end; if there is a cause, kills its tree and waits until that is done. Resolves with undefined if the
 * command could not be killed.
 */
export function commandEnd(
  child: Pick<Deno.ChildProcess, "status">,
  stop: Stop,
  endTree: () => Promise<void>,
): Promise<Deno.CommandStatus | undefined> {
  // One promise for all of it, since every job waits for one; a race would make several.
  return new Promise((resolve, reject) => {
    let treeGone: Promise<void> | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const end = (status: Deno.CommandStatus | undefined) => {
      clearTimeout(timer);
      resolve(status);
    };
    stop.onRequest(() => {
      treeGone = endTree();
      treeGone.then(() => timer = setTimeout(end, statusGraceMs, undefined), reject);
    });
    child.status.then((status) => {
      stop.close();
      if (treeGone) treeGone.then(() => end(status), reject);
      else end(status);
    }, reject);
  });
}

/** The ending of a command. A `status` of undefined, for a command that could not be killed, counts as SIGKILL. */
export function endingOf(status: Deno.CommandStatus | undefined, cause: Cause | undefined): Ending {
  const exitStatus = status?.code ?? 137;
  const signal = status ? status.signal : "SIGKILL";
  if (cause) {
    return {
      kind: cause,
      exitStatus: cause === "timed_out" ? 124 : exitStatus,
      ...(signal ? { signal } : {}),
    };
  }
  return signal ? { kind: "signaled", signal, exitStatus } : { kind: "exited", exitStatus };
}

/** How long pipes may stay open after the command's own exit. */
const pipeGraceMs = 250;

/** Polling interval, after the grace, for more bytes from the pipes. */
const pipeTickMs = 10;

/** How long finding the holders of a pipe may delay an answer. */
const lookMs = 1000;

/** Maximum capacity of a pipe (pipe(7)); any bytes beyond that many were written after the command's exit. */
const pipeCapacity = 2 ** 20;

/**
 * Waits for the end of both pipes, but not for a descendant that holds one open: after the grace, only bytes already in the
 * pipes are read; a listener that is slow is waited for. Holders are found by the pipe that they hold, so our ends are closed
 * only after that search.
 */
export async function pipesEnd(
  pipes: readonly Pipe[],
  endHolders: () => Promise<void>,
): Promise<void> {
  const ended = () => pipes.every((pipe) => pipe.ended);
  // They usually end before the command's status arrives: then no timer is needed.
  if (ended()) return;
  const done = Promise.all(pipes.map((pipe) => pipe.done));
  await atMost(pipeGraceMs, done);
  const seen = () => pipes.reduce((sum, pipe) => sum + pipe.seen, 0);
  const most = seen() + pipes.length * pipeCapacity;
  const held = () => pipes.some((pipe) => pipe.held);
  // A pipe that was held when an interval began may not have been read in it.
  let moves = true;
  while (!ended() && moves && seen() < most) {
    const before = seen();
    const wasHeld = held();
    await atMost(pipeTickMs, done);
    moves = wasHeld || held() || seen() > before;
  }
  if (ended()) return;
  await atMost(lookMs, endHolders());
  for (const pipe of pipes) pipe.stop();
  // A piece that arrived just before is still passed on; nothing later is.
  await done;
}

/**
 * Ends the copying into the standard input of a command that has ended. A pending write ends as soon as no process holds the
 * other end of the pipe; after the grace, those that still hold it are killed.
 */
export async function stdinEnd(copy: StdinCopy, endHolders: () => Promise<void>): Promise<void> {
  copy.stop();
  if (copy.ended) return;
  await atMost(pipeGraceMs, copy.done);
  if (!copy.ended) await endHolders();
}
