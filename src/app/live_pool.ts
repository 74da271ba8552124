/**
 * A pool that serves: its queue and its workers, with the limits that hold now.
 *
 * @module
 */

import type { PoolConfig } from "../config/config.ts";
import { Seats } from "../exec/warm/seats.ts";
import { createDispatch, type Dispatch } from "../jobs/dispatch.ts";
import { createFairLine, mostWaiting } from "../jobs/fair_line.ts";
import type { LineSize } from "../jobs/line.ts";
import { createMemoryLine } from "../jobs/memory_line.ts";
import type { PoolSettings } from "../jobs/pool.ts";
import type { Lanes } from "./lanes.ts";

/** See the module's head. */
export interface LivePool {
  /** Its limits. */
  readonly config: PoolConfig;
  /** How many jobs may wait: the limit of its queue, and one for each lane. */
  readonly queueLimit: number;
  /** Its queue and its workers. */
  readonly dispatch: Dispatch;
  /** The warm processes of its workers. */
  readonly seats: Seats;
  /** Gives it new limits, and its queue other lanes if it has any. Jobs that wait or run are not affected. */
  resize(config: PoolConfig, lanes: Lanes | undefined): void;
  /** Stops admitting jobs; resolves when every admitted job has its outcome and every warm process is gone. */
  close(): Promise<void>;
}

/** Starts the workers of a pool. With lanes, its queue is fair, and stays so. */
export function startLivePool(
  first: PoolConfig,
  firstLanes: Lanes | undefined,
  { run, onBug }: Pick<PoolSettings, "run" | "onBug">,
): LivePool {
  let [config, lanes] = [first, firstLanes];
  const { numWorkers } = first;
  const size = { workers: numWorkers, ...sizeOf(first, lanes) };
  const line = lanes ? createFairLine(size) : createMemoryLine(size);
  const dispatch = createDispatch({ line, size: numWorkers, run, onBug });
  const seats = new Seats();
  return {
    get config() {
      return config;
    },
    get queueLimit() {
      return mostWaiting(sizeOf(config, lanes));
    },
    dispatch,
    seats,
    resize(next, nextLanes) {
      [config, lanes] = [next, nextLanes];
      dispatch.resize({ size: next.numWorkers, ...sizeOf(next, lanes) });
    },
    async close() {
      seats.beginClose();
      await dispatch.close();
      await seats.close();
    },
  };
}

function sizeOf(
  { queueLimit, queueTimeoutMs }: PoolConfig,
  lanes: Lanes | undefined,
): Omit<LineSize, "workers"> {
  return { places: queueLimit, queueTimeoutMs, lanes };
}
