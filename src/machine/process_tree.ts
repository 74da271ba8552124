/**
 * Finding and ending the processes of a job: the command, its descendants, whatever carries the job's mark, and the
 * sessions of all these.
 *
 * The mark is `JOBRUNNER_JOB_DIR` in a process's environment: its value, the path of the job's folder, is unique to the
 * job, and a daemon that let its parents die still carries it. A process is known by its id and its
 * start time together, so a reused id is never taken for the process that had it before.
 *
 * A session (setsid(2)) other than our own that holds a process of the job was begun by the launcher or by a process of the
 * job, so all that is in it belongs to the job: also what cleared its environment and let its parents die, and what forks
 * and exits faster than anybody can look, since a signal to a process group reaches it all at once.
 *
 * Only descendants of this process, processes with a mark inside a spool of ours, and processes in sessions of such are ever
 * signalled.
 *
 * @module
 */

import {
  keyOf,
  type ProcessInfo,
  type ProcessTable,
  snapshot,
  snapshotAtOnce,
} from "./process_table.ts";
import { type Found, killUnseen } from "./unseen.ts";

/** Whose processes are meant. */
export interface Tree {
  /**
   * The command's process id, for a command that cleared its environment, and of its session, if it had one of its own;
   * undefined when only the mark is known.
   */
  readonly pid?: number | undefined;
  /** Whether a process with this mark belongs to it. */
  readonly hasMark: (mark: string) => boolean;
  /** Processes that were seen earlier to belong to it. */
  readonly seen?: readonly ProcessInfo[];
  /**
   * Another server started it, which is dead. Its jobs may be in the session that it had, with whatever else was started
   * there, so a session counts only if it was seen with a process of the tree as its leader.
   */
  readonly ofDeadServer?: boolean;
}

/** How a tree is ended. */
export interface EndOptions {
  /** Time between SIGTERM and SIGKILL; 0 is SIGKILL at once. */
  readonly graceMs: number;
  /** Only those that hold one of this process's pipes; daemons with an output of their own are spared. */
  readonly holdersOnly?: boolean;
  /** Called after the first look, when those that were found have had their first signal. */
  readonly onLooked?: () => void;
}

/** What became of a tree. */
export interface Ended {
  /** Processes that were signalled. */
  readonly signalled: number;
  /** Processes that lived on when they were given up. */
  readonly left: number;
}

/** How long, and how many times at least, SIGKILL is repeated for those that do not go before they are given up. */
const giveUpMs = 500;
const giveUpRounds = 3;

/**
 * SIGTERM to all of the tree, the grace, SIGKILL to what is left, again until nothing is left, at most half a second
 * beyond the first SIGKILL. Processes that appear meanwhile get the same. Nothing is left when two looks in a row find
 * nothing: a process that is just starting another program shows no environment for an instant.
 */
export async function endTree(tree: Tree, options: EndOptions): Promise<Ended> {
  if (Deno.build.os === "windows") return await endWindowsTree(tree, options);
  const known = new Map(tree.seen?.map((process) => [keyOf(process), process]));
  const warned = new Set<string>();
  const found: Found = { known, sessions: new Set() };
  const { holdersOnly = false } = options;
  const enoughEmptyLooks = holdersOnly ? 1 : 2;
  const killAt = performance.now() + options.graceMs;
  let firstKillAt: number | undefined;
  let killRounds = 0;
  let emptyLooks = 0;
  let unseen = 0;
  const ended = (left: number): Ended => ({ signalled: known.size + unseen, left });
  // The command's id is looked at once, at first: when it has ended, another job's command may get the same one.
  for (let { pid } = tree;; pid = undefined) {
    const table = await look();
    let living: ProcessInfo[];
    try {
      living = find({ ...tree, pid }, table, found, holdersOnly);
    } catch {
      // Descriptors could not be looked into: the next look may.
      if (performance.now() > killAt + giveUpMs) return ended(0);
      continue;
    }
    const now = performance.now();
    const kill = now >= killAt;
    emptyLooks = living.length === 0 ? emptyLooks + 1 : 0;
    // What nobody ever sees may still be there: it forks and exits between two looks.
    const killed = kill || emptyLooks === enoughEmptyLooks
      ? killUnseen(found, table, (pid) => send(pid, "SIGKILL"), holdersOnly)
      : 0;
    if (killed > 0) emptyLooks = 0;
    unseen += killed;
    for (const process of living) {
      const key = keyOf(process);
      if (kill || !warned.has(key)) send(process.pid, kill ? "SIGKILL" : "SIGTERM");
      warned.add(key);
    }
    options.onLooked?.();
    if (emptyLooks === enoughEmptyLooks) return ended(0);
    if (!kill) continue;
    firstKillAt ??= now;
    killRounds++;
    if (now > firstKillAt + giveUpMs && killRounds > giveUpRounds) {
      // Where one was killed that no look had shown there may be more.
      return ended(living.length || Math.min(killed, 1));
    }
  }
}

/**
 * All that the commands of this process have started and that can be seen now: its descendants, and what shares their
 * sessions. To be asked before the service is ended, since the runtime then ends the commands, and what they have started
 * loses its parent.
 */
export function lookAtOwn(): ProcessInfo[] {
  const table = snapshotAtOnce();
  if (!table) return [];
  const children = table.processes.filter(({ parent }) => parent === Deno.pid);
  const known = new Map(children.map((child) => [keyOf(child), child]));
  return find({ hasMark: () => false }, table, { known, sessions: new Set() }, false);
}

/** The shortest pause between two looks; a look that takes long makes it longer. */
const pauseMs = 20;

let nextLook: Promise<ProcessTable> | undefined;
let pauseUntil = 0;

/**
 * A look that begins after it was asked for, shared by all who asked meanwhile: a hundred trees that end at once cost
 * no more looks than one. Failed looks are tried again.
 */
function look(): Promise<ProcessTable> {
  return nextLook ??= (async () => {
    for (;;) {
      await new Promise((resolve) =>
        setTimeout(resolve, Math.max(0, pauseUntil - performance.now()))
      );
      nextLook = undefined;
      const startedAt = performance.now();
      try {
        return await snapshot();
      } catch {
        // Too many open files, for instance.
      } finally {
        pauseUntil = performance.now() + Math.max(pauseMs, performance.now() - startedAt);
      }
    }
  })();
}

/** Living processes of the tree. */
function find(
  tree: Tree,
  table: ProcessTable,
  { known, sessions }: Found,
  holdersOnly: boolean,
): ProcessInfo[] {
  const byId = new Map(table.processes.map((process) => [process.pid, process]));
  const ownSession = byId.get(Deno.pid)?.session;
  const children = Map.groupBy(table.processes, (process) => process.parent);
  const bySession = Map.groupBy(table.processes, (process) => process.session);
  const found = new Map<string, ProcessInfo>();

  function add(process: ProcessInfo): void {
    const family = [process];
    for (let next = family.pop(); next; next = family.pop()) {
      if (next.pid === Deno.pid || found.has(keyOf(next))) continue;
      found.set(keyOf(next), next);
      family.push(...children.get(next.pid) ?? []);
    }
  }

  for (const process of table.processes) {
    const mark = table.markOf(process.pid);
    // When holders are asked for, the command has ended: its id may be another's.
    const isCommand = !holdersOnly && process.pid === tree.pid && process.parent === Deno.pid &&
      mark === undefined;
    const isMarked = mark !== undefined && tree.hasMark(mark);
    if (isCommand || isMarked || known.has(keyOf(process))) add(process);
  }

  /** A session that somebody else leads is theirs, even if a process with the job's mark is in it. */
  function isOfTheTree(session: number): boolean {
    const leader = byId.get(session);
    if (session === ownSession) return false;
    return leader ? found.has(keyOf(leader)) : !tree.ofDeadServer || sessions.has(session);
  }

  // The command has ended, so nobody leads its session.
  if (holdersOnly && tree.pid) sessions.add(tree.pid);
  for (const session of sessions) {
    if (isOfTheTree(session)) bySession.get(session)?.forEach(add);
    else sessions.delete(session);
  }
  for (const { session } of found.values()) {
    if (!session || sessions.has(session) || !isOfTheTree(session)) continue;
    sessions.add(session);
    // What is found now comes to its turn in this very loop.
    bySession.get(session)?.forEach(add);
  }
  // Those already chosen stay chosen: our end of their pipe will be closed soon.
  const wanted = [...found.values()].filter((process) =>
    !holdersOnly || known.has(keyOf(process)) || table.holdsOurPipe(process.pid)
  );
  for (const process of wanted) known.set(keyOf(process), process);
  return wanted;
}

function send(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch {
    // It is gone already, or belongs to somebody else (set-user-id): the time limit ends the wait.
  }
}

/**
 * Windows has no signal that a console program must heed, so there is no grace. Children are found through living
 * parents; an orphan is not found.
 */
async function endWindowsTree({ pid }: Tree, { holdersOnly }: EndOptions): Promise<Ended> {
  // The command has ended when holders are asked for, and nothing tells who they are.
  if (pid === undefined || holdersOnly) return { signalled: 0, left: 0 };
  const { success } = await new Deno.Command("taskkill", {
    args: ["/T", "/F", "/PID", String(pid)],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output();
  return { signalled: success ? 1 : 0, left: 0 };
}
