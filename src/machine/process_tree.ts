/**
 * Finds and kills the process tree of a job: the command, its descendants, every process with the job's mark, and the
 * sessions of all these.
 *
 * The mark is `JOBRUNNER_JOB_DIR` in a process's environment: its value, the path of the job's folder, is unique to the
 * job, and a daemon whose parents have exited still carries it. A process is identified by its id and its start time
 * together, so a reused id is never mistaken for the process that had it before.
 *
 * If a session (setsid(2)) other than the server's holds a process of the job, the launcher or a process of the job created
 * it. So every process in it belongs to the job, even one that cleared its environment and whose parents have exited. Even
 * processes that fork and exit faster than they can be listed are reached: a signal to a process group reaches all of it
 * at once.
 *
 * Signals are only ever sent to descendants of this process, processes with a mark inside a spool of ours, and processes
 * in the sessions of these.
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

/** Identifies the processes of a tree. */
export interface Tree {
  /**
   * The command's process id, needed if it cleared its environment. It is also the id of its session, if it had its own.
   * Undefined if only the mark is known.
   */
  readonly pid?: number | undefined;
  /** Whether a process with this mark belongs to the tree. */
  readonly hasMark: (mark: string) => boolean;
  /** Processes that were found earlier to belong to the tree. */
  readonly seen?: readonly ProcessInfo[];
  /**
   * Whether the tree was started by another server, which is dead. That server's jobs may share its session with unrelated
   * processes, so a session counts only if it was seen with a process of the tree as its leader.
   */
  readonly ofDeadServer?: boolean;
}

/** How a tree is killed. */
export interface EndOptions {
  /** Time between SIGTERM and SIGKILL; 0 sends SIGKILL at once. */
  readonly graceMs: number;
  /** Whether only processes that hold one of this process's pipes are killed; daemons that redirected their output are not. */
  readonly holdersOnly?: boolean;
  /** Called after each look, when the processes that it found have been signalled. */
  readonly onLooked?: () => void;
}

/** The outcome of killing a tree. */
export interface Ended {
  /** Processes that were signalled. */
  readonly signalled: number;
  /** Processes that still ran when they were given up. */
  readonly left: number;
}

/** SIGKILL is repeated for this long, and at least this many times, before the remaining processes are given up. */
const giveUpMs = 500;
const giveUpRounds = 3;

/**
 * Kills a tree: SIGTERM to all of it, the grace period, then SIGKILL to what is left, repeated until none is left, for about
 * half a second after the first SIGKILL. Processes that appear in the meantime are treated the same. The tree is gone when
 * two looks in a row find none of it: a process that is just starting another program shows no environment for an instant.
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
  // The command's id counts in the first look only: after the command has exited, another job's command may get the same id.
  for (let { pid } = tree;; pid = undefined) {
    const table = await look();
    let living: ProcessInfo[];
    try {
      living = find({ ...tree, pid }, table, found, holdersOnly);
    } catch {
      // Descriptors could not be read; the next look may succeed.
      if (performance.now() > killAt + giveUpMs) return ended(0);
      continue;
    }
    const now = performance.now();
    const kill = now >= killAt;
    emptyLooks = living.length === 0 ? emptyLooks + 1 : 0;
    // Processes that no look shows may still be there: they fork and exit between two looks.
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
      // If a process was killed that no look had shown, there may be more.
      return ended(living.length || Math.min(killed, 1));
    }
  }
}

/**
 * All processes of this process's commands that can be found now: its descendants, and the processes in their sessions.
 * Must be called before the service isolate is terminated: the runtime then kills the commands, and the processes they
 * started lose their parent.
 */
export function lookAtOwn(): ProcessInfo[] {
  const table = snapshotAtOnce();
  if (!table) return [];
  const children = table.processes.filter(({ parent }) => parent === Deno.pid);
  const known = new Map(children.map((child) => [keyOf(child), child]));
  return find({ hasMark: () => false }, table, { known, sessions: new Set() }, false);
}

/** The shortest pause between two looks. A look that takes longer is followed by a pause of the same length. */
const pauseMs = 20;

let nextLook: Promise<ProcessTable> | undefined;
let pauseUntil = 0;

/**
 * Takes a snapshot that begins after the call and is shared by all calls made until then: killing a hundred trees at once
 * costs no more snapshots than killing one. Failed snapshots are retried.
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

/** Running processes of the tree. */
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
    // If only holders are meant, the command has exited, and its id may belong to another process.
    const isCommand = !holdersOnly && process.pid === tree.pid && process.parent === Deno.pid &&
      mark === undefined;
    const isMarked = mark !== undefined && tree.hasMark(mark);
    if (isCommand || isMarked || known.has(keyOf(process))) add(process);
  }

  /** A session whose leader is not of the tree does not count, even if a process with the job's mark is in it. */
  function isOfTheTree(session: number): boolean {
    const leader = byId.get(session);
    if (session === ownSession) return false;
    return leader ? found.has(keyOf(leader)) : !tree.ofDeadServer || sessions.has(session);
  }

  // The command has exited, so its session has no leader.
  if (holdersOnly && tree.pid) sessions.add(tree.pid);
  for (const session of sessions) {
    if (isOfTheTree(session)) bySession.get(session)?.forEach(add);
    else sessions.delete(session);
  }
  for (const { session } of found.values()) {
    if (!session || sessions.has(session) || !isOfTheTree(session)) continue;
    sessions.add(session);
    // Processes added here are visited by this same loop.
    bySession.get(session)?.forEach(add);
  }
  // Those already selected are kept: our end of their pipe will be closed soon.
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
    // It has already exited, or belongs to another user (set-user-id): the time limit ends the wait.
  }
}

/**
 * Windows has no signal that a console program must handle, so there is no grace period. Children are found through running
 * parents; an orphan is not found.
 */
async function endWindowsTree({ pid }: Tree, { holdersOnly }: EndOptions): Promise<Ended> {
  // If only holders are meant, the command has exited, and they cannot be found.
  if (pid === undefined || holdersOnly) return { signalled: 0, left: 0 };
  const { success } = await new Deno.Command("taskkill", {
    args: ["/T", "/F", "/PID", String(pid)],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output();
  return { signalled: success ? 1 : 0, left: 0 };
}
