/**
 * Jobs from their admission to their outcome: a line and the workers that take from it.
 *
 * @module
 */

import type { Line } from "./line.ts";
import { type Pool, type PoolSettings, startPool } from "./pool.ts";

/** See the module's head. */
export interface Dispatch {
  /** Where jobs wait. */
  readonly line: Line;
  /** Who runs them. */
  readonly pool: Pool;
  /** Admits nothing more; resolves when every admitted job has its outcome. Idempotent. */
  close(): Promise<void>;
}

/** Starts the workers of a line. */
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
