/**
 * A pool that serves: its queue and its workers, with the limits that hold now.
 *
 * @module
 */

import type { PoolConfig } from "../config/config.ts";
import { createDispatch, type Dispatch } from "../jobs/dispatch.ts";
import { createMemoryLine } from "../jobs/memory_line.ts";
import type { PoolSettings } from "../jobs/pool.ts";

/** See the module's head. */
export interface LivePool {
  /** Its limits. */
  readonly config: PoolConfig;
  /** Its queue and its workers. */
  readonly dispatch: Dispatch;
  /** Gives it new limits. Jobs that wait or run are not affected. */
  resize(config: PoolConfig): void;
}

/** Starts the workers of a pool. */
export function startLivePool(
  first: PoolConfig,
  { run, onBug }: Pick<PoolSettings, "run" | "onBug">,
): LivePool {
  let config = first;
  const { numWorkers, queueLimit, queueTimeoutMs } = first;
  const line = createMemoryLine({ workers: numWorkers, places: queueLimit, queueTimeoutMs });
  const dispatch = createDispatch({ line, size: numWorkers, run, onBug });
  return {
    get config() {
      return config;
    },
    dispatch,
    resize(next) {
      config = next;
      dispatch.resize({
        size: next.numWorkers,
        places: next.queueLimit,
        queueTimeoutMs: next.queueTimeoutMs,
      });
    },
  };
}
