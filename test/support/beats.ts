/**
 * What machines say of themselves, for tests of the rules of a shared queue.
 *
 * @module
 */

import type { Beat, PoolBeat } from "../../src/cluster/nodes.ts";

/** A pool of an idle machine with one worker, but for what `changes` says. */
export function poolBeatOf(changes: Partial<PoolBeat> = {}): PoolBeat {
  return {
    workers: 1,
    places: 0,
    busy: 0,
    waiting: 0,
    meanRunSec: 0,
    held: [],
    commands: {},
    ...changes,
  };
}

/** What a machine says that takes part, with these pools. */
export function beatOf(node: string, pools: Beat["pools"], state: Beat["state"] = "up"): Beat {
  return { proto: 1, node, name: `host-${node}`, version: "1.0.0", state, pools };
}
