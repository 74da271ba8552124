/**
 * Takes jobs from their admission to their outcome: the queue and its workers.
 *
 * @module
 */

import type { Line, LineSize, ResizableLine } from "./line.ts";
import { type Pool, type PoolSettings, startPool } from "./pool.ts";

/** A queue with its workers. */
export interface Dispatch {
  /** The queue in which jobs wait. */
  readonly line: Line;
  /** The workers that run them. */
  readonly pool: Pool;
  /**
   * Changes the number of workers and the size of the queue, as `Pool.resize` and `ResizableLine.resize` describe it. Nothing
   * that was admitted is lost.
   */
  resize(size: DispatchSize): void;
  /** Stops admitting jobs; resolves when every admitted job has its outcome. Idempotent. */
  close(): Promise<void>;
}

/** The size of a queue with its workers. */
export interface DispatchSize
  extends Pick<PoolSettings, "size">, Pick<LineSize, "places" | "queueTimeoutMs" | "lanes"> {}

/** Starts the workers of a queue. */
export function createDispatch(
  settings: PoolSettings & { readonly line: ResizableLine },
): Dispatch {
  const { line } = settings;
  const pool = startPool(settings);
  return {
    line,
    pool,
    // One synchronous call: no client can ask for a place between the two.
    resize({ size, ...rest }) {
      line.resize({ workers: size, ...rest });
      pool.resize(size);
    },
    async close() {
      line.close();
      await pool.finished;
    },
  };
}
