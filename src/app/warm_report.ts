/**
 * Counts and logs what happens to the warm processes of a command.
 *
 * @module
 */

import type { Names } from "../jobs/job.ts";
import type { WarmListener } from "../jobs/warm.ts";
import { fieldsOf, type Listeners } from "./account.ts";
import { atMostEvery } from "./at_most_every.ts";

/** Shortest time between two log lines of one kind: a command that is broken dies again with every job. */
const logEveryMs = 60_000;

/**
 * Makes the listener of one command; its metrics exist from now on. `names` is undefined without a configuration file; `now`
 * is a monotonic clock in milliseconds. Of each kind of event at most one line a minute is logged.
 */
export function warmListener(
  { log, metrics }: Pick<Listeners, "log" | "metrics">,
  names: Names | undefined,
  now: () => number = () => performance.now(),
): WarmListener {
  const about = fieldsOf(names);
  const counts = metrics.warmOf(names);
  const mayLogDeath = atMostEvery(logEveryMs, now);
  const mayLogStray = atMostEvery(logEveryMs, now);
  const mayLogFailure = atMostEvery(logEveryMs, now);
  return {
    started: counts.started,
    ended: counts.ended,
    dropped: counts.dropped,
    diedIdle({ pid, workerId, exitStatus, signal }) {
      if (!mayLogDeath()) return;
      log.write("a warm process exited between two jobs", {
        ...about,
        worker_id: workerId,
        "process.pid": pid,
        exit_status: exitStatus,
        signal,
      });
    },
    strayed({ pid, workerId }) {
      if (!mayLogStray()) return;
      log.write("a warm process wrote between two jobs and was replaced", {
        ...about,
        worker_id: workerId,
        "process.pid": pid,
      });
    },
    notStarted({ workerId, reason }) {
      if (!mayLogFailure()) return;
      log.write("a warm process could not be started before its job", {
        ...about,
        worker_id: workerId,
        reason,
      });
    },
  };
}
