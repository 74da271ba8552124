/**
 * A pool that serves: its queue and its workers, with the limits that hold now.
 *
 * @module
 */

import type { PoolConfig } from "../config/config.ts";
import { Seats } from "../exec/warm/seats.ts";
import { createDispatch, type Dispatch } from "../jobs/dispatch.ts";
import { createFairLine, mostWaiting } from "../jobs/fair_line.ts";
import type { LineSize, ResizableLine } from "../jobs/line.ts";
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

/** Starts the workers of a pool. Whether its queue has lanes stays as it is. */
export function startLivePool(
  first: PoolConfig,
  firstLanes: Lanes | undefined,
  { run, onBug, openLine = openOwnLine }: Pick<PoolSettings, "run" | "onBug"> & {
    /** Opens its queue; by default one in the memory of this process. */
    readonly openLine?: ((size: LineSize) => ResizableLine) | undefined;
  },
): LivePool {
  let [config, lanes] = [first, firstLanes];
  const { numWorkers } = first;
  const line = openLine({ workers: numWorkers, ...sizeOf(first, lanes) });
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

/** With lanes the queue is fair. */
function openOwnLine(size: LineSize): ResizableLine {
  return size.lanes ? createFairLine(size) : createMemoryLine(size);
}

function sizeOf(
  { queueLimit, queueTimeoutMs }: PoolConfig,
  lanes: Lanes | undefined,
): Omit<LineSize, "workers"> {
  return { places: queueLimit, queueTimeoutMs, lanes };
}
