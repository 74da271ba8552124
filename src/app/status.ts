/**
 * The state of a command's queue, workers and runs, as `/status` reports it.
 *
 * @module
 */

import type { FrontDoor } from "../http/door.ts";
import type { Dispatch } from "../jobs/dispatch.ts";
import { windowSec } from "../telemetry/recent.ts";
import { version } from "../version.ts";
import type { Listeners } from "./account.ts";

/** The current state. `uptimeSec`: seconds since the service started; `queueLimit`: jobs that may wait. */
export function statusOf(
  { line, pool }: Dispatch,
  { metrics, recent }: Pick<Listeners, "metrics" | "recent">,
  { uptimeSec, queueLimit }: { readonly uptimeSec: number; readonly queueLimit: number },
): ReturnType<FrontDoor["status"]> {
  return {
    waiting: line.waiting,
    started: pool.started,
    version,
    uptimeSec,
    queueLimit,
    workers: pool.workers().map(({ id, job, sinceMs }) => ({
      id,
      sinceSec: sinceMs / 1000,
      ...(job ? { job: { id: job.spec.id, requestId: job.spec.requestId, pid: job.pid } } : {}),
    })),
    outcomes: metrics.outcomes(),
    rejections: metrics.rejections(),
    recent: {
      windowSec,
      queuedSec: recent.queuedSec.summary(),
      elapsedSec: recent.elapsedSec.summary(),
    },
  };
}
