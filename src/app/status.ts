/**
 * The state of all queues, workers and runs, as `/status` reports it.
 *
 * @module
 */

import type { ClusterState } from "../cluster/cluster.ts";
import type { FrontDoor } from "../http/door.ts";
import type { Dispatch } from "../jobs/dispatch.ts";
import type { Names } from "../jobs/job.ts";
import type { WarmState } from "../jobs/warm.ts";
import { windowSec } from "../telemetry/recent.ts";
import { version } from "../version.ts";
import type { PoolStatus, WorkerStatus } from "../wire/status.ts";
import type { Listeners } from "./account.ts";

/** A pool that serves now. */
export interface ServingPool {
  /** Its name; undefined without a configuration file. */
  readonly name: string | undefined;
  /** Its queue and its workers. */
  readonly dispatch: Dispatch;
  /** How many jobs may wait. */
  readonly queueLimit: number;
  /** The warm process of a worker, if it has one. Absent if none of its commands is warm. */
  warm?(workerId: number): WarmState | undefined;
}

/** A command of a configuration file that is served now. */
export interface ServedCommand {
  /** Its name and that of its pool. */
  readonly names: Names;
  /** The description in the file, if there is one. */
  readonly description?: string | undefined;
}

/** The current state. `commands` is absent without a configuration file; `uptimeSec`: seconds since the service started. */
export function statusOf(
  { started, pools, commands, cluster }: {
    /** Jobs that a worker has taken since the start, in these pools and in those that are gone. */
    readonly started: number;
    readonly pools: readonly ServingPool[];
    readonly commands?: readonly ServedCommand[];
    /** The machines that share the queues; absent on a machine of its own. */
    readonly cluster?: ClusterState | undefined;
  },
  { metrics, recent }: Pick<Listeners, "metrics" | "recent">,
  uptimeSec: number,
): ReturnType<FrontDoor["status"]> {
  return {
    started,
    version,
    uptimeSec,
    pools: pools.map(poolStatus),
    ...(commands
      ? {
        commands: commands.map(({ names, description }) => ({
          names,
          description,
          outcomes: metrics.outcomes(names.command),
          rejections: metrics.rejections(names.command),
        })),
      }
      : {}),
    outcomes: metrics.outcomes(),
    rejections: metrics.rejections(),
    recent: {
      windowSec,
      queuedSec: recent.queuedSec.summary(),
      elapsedSec: recent.elapsedSec.summary(),
    },
    ...(cluster ? { cluster } : {}),
  };
}

function poolStatus(serving: ServingPool): PoolStatus {
  const { name, dispatch: { line, pool }, queueLimit } = serving;
  return {
    name,
    waiting: line.waiting,
    queueLimit,
    oldestWaitSec: line.oldestWaitSec(),
    workers: pool.workers().map(({ id, job, sinceMs }) => {
      const about = { id, sinceSec: sinceMs / 1000, ...warmOf(serving.warm?.(id)) };
      if (!job) return about;
      const { spec, pid } = job;
      return {
        ...about,
        job: {
          id: spec.id,
          requestId: spec.requestId,
          command: spec.command,
          token: spec.token,
          pid,
        },
      };
    }),
  };
}

function warmOf(state: WarmState | undefined): Pick<WorkerStatus, "warm"> {
  if (!state) return {};
  const { pid, sinceMs, jobs } = state;
  return { warm: { pid, sinceSec: sinceMs / 1000, jobs } };
}
