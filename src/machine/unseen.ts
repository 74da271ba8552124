/**
 * Kills processes that no snapshot shows: chains of processes that fork and exit faster than they can be listed.
 *
 * @module
 */

import {
  keyOf,
  newestId,
  processAt,
  type ProcessInfo,
  type ProcessTable,
} from "./process_table.ts";

/** What was found of a tree so far. */
export interface Found {
  /** Its processes; they stay known even after their parents have exited. */
  readonly known: Map<string, ProcessInfo>;
  /** Sessions that hold only processes of the tree. */
  readonly sessions: Set<number>;
}

/**
 * Kills the processes in a tree's sessions that the snapshot `table` does not show. `kill` is called with the negative id of
 * each process group, all of which a signal reaches at once, and with the ids of processes started since the snapshot
 * began. With `holdersOnly` it kills only processes that hold a pipe of ours. Returns the number of processes; those that
 * were only reached by a group's signal are not counted. Unseen processes get no grace period.
 */
export function killUnseen(
  { known, sessions }: Found,
  table: ProcessTable,
  kill: (pid: number) => void,
  holdersOnly: boolean,
): number {
  if (sessions.size === 0) return 0;
  /** A free id may be assigned to another process at any moment, so it is checked once more. */
  const isOurs = (leader: ProcessInfo | undefined) => !leader || known.has(keyOf(leader));
  const isInSession = ({ session }: ProcessInfo) =>
    session !== undefined && sessions.has(session) && isOurs(processAt(session));

  try {
    if (!holdersOnly) {
      for (const group of groupsIn(sessions, table)) {
        const leader = processAt(group);
        if (isOurs(leader) || (leader && isInSession(leader))) kill(-group);
      }
    }
  } catch {
    // Too many open files, for instance: the next look tries again.
  }
  return chase(
    table.newestId,
    (process) => isInSession(process) && (!holdersOnly || table.holdsOurPipe(process.pid)),
    kill,
  );
}

/** Process groups in these sessions. The first group of a session has the session's id. */
function groupsIn(sessions: ReadonlySet<number>, { processes }: ProcessTable): Set<number> {
  const groups = new Set(sessions);
  for (const { group, session } of processes) {
    if (group && session && sessions.has(session)) groups.add(group);
  }
  // -1 would mean every process of the machine (kill(2)).
  groups.delete(1);
  return groups;
}

/** Where processes are looked up. */
export interface Processes {
  /** The process id that was assigned last. */
  newestId(): number | undefined;
  /** The process that has this id now. */
  processAt(pid: number): ProcessInfo | undefined;
}

/** Maximum number of ids that one chase reads, which takes some tens of milliseconds. */
export const mostIds = 4096;

/** Number of ids before the newest that are read again: an id is assigned before its process becomes visible. */
const overlap = 8;

/** Number of rounds in a row that must find no process. */
const quietRounds = 10;

/**
 * Kills the processes for which `isMeant` is true, among those whose id was assigned after `since`, until there are none.
 * A chain that a snapshot did not show consists of processes started since that snapshot began, and each of them can be
 * killed only in the instant in which it is seen. Returns how many were killed. Costs nothing if no process was started,
 * otherwise usually a millisecond.
 */
export function chase(
  since: number | undefined,
  isMeant: (process: ProcessInfo) => boolean,
  kill: (pid: number) => void,
  processes: Processes = { newestId, processAt },
): number {
  let killed = 0;
  let toRead = mostIds;
  try {
    let last = processes.newestId();
    if (last === since) return 0;
    let from = since;
    for (let quiet = 0; quiet < quietRounds; quiet++) {
      if (from === undefined || last === undefined) break;
      // After the largest id, ids are assigned from the smallest one again.
      const end = Math.max(1, (last < from ? 0 : from) - overlap, last - toRead);
      for (let pid = last; pid > end; pid--) {
        toRead--;
        const process = processes.processAt(pid);
        if (!process || !isMeant(process)) continue;
        kill(pid);
        killed++;
        quiet = -1;
      }
      from = last;
      last = processes.newestId();
    }
  } catch {
    // Too many open files, for instance.
  }
  return killed;
}
