/**
 * A pool that serves: its queue and its workers, with the limits that hold now.
 *
 * @module
 */

import type { PoolConfig } from "../config/config.ts";
import { Seats } from "../exec/warm/seats.ts";
import { createDispatch, type Dispatch } from "../jobs/dispatch.ts";
import { createMemoryLine } from "../jobs/memory_line.ts";
import type { PoolSettings } from "../jobs/pool.ts";

/** See the module's head. */
export interface LivePool {
  /** Its limits. */
  readonly config: PoolConfig;
  /** Its queue and its workers. */
  readonly dispatch: Dispatch;
  /** The warm processes of its workers. */
  readonly seats: Seats;
  /** Gives it new limits. Jobs that wait or run are not affected. */
  resize(config: PoolConfig): void;
  /** Stops admitting jobs; resolves when every admitted job has its outcome and every warm process is gone. */
  close(): Promise<void>;
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
  const seats = new Seats();
  return {
    get config() {
      return config;
    },
    dispatch,
    seats,
    resize(next) {
      config = next;
      dispatch.resize({
        size: next.numWorkers,
        places: next.queueLimit,
        queueTimeoutMs: next.queueTimeoutMs,
      });
    },
    async close() {
      seats.beginClose();
      await dispatch.close();
      await seats.close();
    },
  };
}
