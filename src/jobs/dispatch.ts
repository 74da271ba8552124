/**
 * Takes jobs from their admission to their outcome: the queue and its workers.
 *
 * @module
 */

import type { Line } from "./line.ts";
import { type Pool, type PoolSettings, startPool } from "./pool.ts";

/** A queue with its workers. */
export interface Dispatch {
  /** The queue in which jobs wait. */
  readonly line: Line;
  /** The workers that run them. */
  readonly pool: Pool;
  /** Stops admitting jobs; resolves when every admitted job has its outcome. Idempotent. */
  close(): Promise<void>;
}

/** Starts the workers of a queue. */
export function createDispatch(settings: PoolSettings & { readonly line: Line }): Dispatch {
  const { line } = settings;
  const pool = startPool(settings);
  return {
    line,
    pool,
    async close() {
      line.close();
      await pool.finished;
    },
  };
}
