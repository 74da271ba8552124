/**
 * Killing what no look at the processes sees: chains of processes that fork and exit faster than anybody can look.
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
  /** Processes; they stay known, also when their parents are gone. */
  readonly known: Map<string, ProcessInfo>;
  /** Sessions that hold nothing but processes of the tree. */
  readonly sessions: Set<number>;
}

/**
 * Kills what is in the sessions of a tree although the look that `table` is did not show it: `kill` gets the negative id of
 * a process group, which a signal reaches all at once, and the ids of processes that were started since that look
 * began. With `holdersOnly` only processes that hold a pipe of ours. Says how many processes that were; those that
 * a group's signal reached are not counted. What nobody sees has no grace.
 */
export function killUnseen(
  { known, sessions }: Found,
  table: ProcessTable,
  kill: (pid: number) => void,
  holdersOnly: boolean,
): number {
  if (sessions.size === 0) return 0;
  /** A number that is free may be given to somebody else at any moment, so it is looked at once more. */
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
    // Too many open files, for instance: the next look comes.
  }
  return chase(
    table.newestId,
    (process) => isInSession(process) && (!holdersOnly || table.holdsOurPipe(process.pid)),
    kill,
  );
}

/** Process groups in these sessions. The first one of a session has its number. */
function groupsIn(sessions: ReadonlySet<number>, { processes }: ProcessTable): Set<number> {
  const groups = new Set(sessions);
  for (const { group, session } of processes) {
    if (group && session && sessions.has(session)) groups.add(group);
  }
  // -1 would mean every process there is (kill(2)).
  groups.delete(1);
  return groups;
}

/** Where processes are looked up. */
export interface Processes {
  /** The process id that was given last. */
  newestId(): number | undefined;
  /** The process that has an id now. */
  processAt(pid: number): ProcessInfo | undefined;
}

/** The most ids that one chase reads: some tens of milliseconds. */
export const mostIds = 4096;

/** Ids before the newest that are read once more: an id is given before its process can be seen. */
const overlap = 8;

/** So many rounds in a row must find nobody. */
const quietRounds = 10;

/**
 * Kills processes that are meant, of those with an id that was given after `since`, until nobody is. A chain that was not
 * seen by a look had its processes started since that look began, and each of them can be killed only in the instant
 * in which it is seen. Says how many were killed. Costs nothing when nothing was started, else mostly a millisecond.
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
      // From the largest id on they are given from the smallest on.
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
