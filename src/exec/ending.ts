/**
 * How a run ends: by itself, in the words of a shell, or by a cause of ours, with its whole tree.
 *
 * @module
 */

import { atMost } from "../async/at_most.ts";
import type { Cause, Ending } from "../jobs/job.ts";
import type { Stop } from "../jobs/stop.ts";
import type { Pipe } from "./pipe.ts";

/** Asks the main isolate, which may signal processes, to end a job's tree. */
export interface TreeEnder {
  /** Resolves when nothing is left of it, or when it was given up, at most half a second after the grace. */
  endTree(tree: { readonly pid: number; readonly mark: string }): Promise<void>;
  /**
   * Ends those of the tree that hold a pipe of ours; resolves as soon as they were found by it. The command's process id
   * is also the number of its session, if it had one of its own.
   */
  endHolders(tree: { readonly pid: number; readonly mark: string }): Promise<void>;
}

/** How long the command's status may be missing after its tree was ended: then it cannot be got rid of. */
const statusGraceMs = 250;

/**
 * Waits for the command's end; when there is a cause, ends its tree and waits for that. Undefined for a command that
 * could not be got rid of.
 */
export async function commandEnd(
  child: Pick<Deno.ChildProcess, "status">,
  stop: Stop,
  endTree: () => Promise<void>,
): Promise<Deno.CommandStatus | undefined> {
  const givenUp = Promise.withResolvers<undefined>();
  let treeGone: Promise<void> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  stop.onRequest(() => {
    treeGone = endTree();
    treeGone.then(
      () => timer = setTimeout(givenUp.resolve, statusGraceMs, undefined),
      givenUp.reject,
    );
  });
  const status = await Promise.race([child.status, givenUp.promise]);
  stop.close();
  await treeGone;
  clearTimeout(timer);
  return status;
}

/** `status` is undefined for a command that could not be got rid of: it counts as killed. */
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

/** After the grace it is looked this often whether more bytes are still coming out of the pipe. */
const pipeTickMs = 10;

/** The longest that finding the holders of a pipe may delay an answer. */
const lookMs = 1000;

/** What a pipe can hold at most (pipe(7)); what comes after so much was written after the command's exit. */
const pipeCapacity = 2 ** 20;

/**
 * Waits for the end of both pipes, but not for a descendant that holds one: after the grace only what is already in
 * the pipes is read. Holders are found by the pipe they hold, so it is let go only when that was looked at.
 */
export async function pipesEnd(
  pipes: readonly Pipe[],
  endHolders: () => Promise<void>,
): Promise<void> {
  const ended = () => pipes.every((pipe) => pipe.ended);
  // They mostly end before the command's status is told: then no timer is needed.
  if (ended()) return;
  const done = Promise.all(pipes.map((pipe) => pipe.done));
  await atMost(pipeGraceMs, done);
  const seen = () => pipes.reduce((sum, pipe) => sum + pipe.seen, 0);
  const most = seen() + pipes.length * pipeCapacity;
  for (let before = -1; !ended() && seen() > before && seen() < most;) {
    before = seen();
    await atMost(pipeTickMs, done);
  }
  if (ended()) return;
  await atMost(lookMs, endHolders());
  for (const pipe of pipes) pipe.stop();
  // A piece that has come just before is handed on now, and nothing later.
  await done;
}
