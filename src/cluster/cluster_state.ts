/**
 * What is known of a group, for people.
 *
 * @module
 */

import type { Group } from "./group.ts";
import type { Keeper } from "./keeper.ts";
import type { ClusterLine } from "./line.ts";
import { type Beat, differing, type NodeState, type PoolBeat } from "./nodes.ts";

/** What is known of a group. */
export interface ClusterState {
  /** Name of the group. */
  readonly group: string;
  /** Id of this machine, new at each start. */
  readonly node: string;
  /** Whether there is a connection. */
  readonly connected: boolean;
  /** Version of the server; undefined before the first connection. */
  readonly serverVersion: string | undefined;
  /** The machines that live, this one included. */
  readonly nodes: readonly NodeSummary[];
  /** Number of machines that have fallen silent in the last minute; 0 without a connection. */
  readonly lost: number;
  /** The queues, by the names of their pools. */
  readonly pools: readonly ClusterPool[];
  /** How often a connection was made again. */
  readonly reconnections: number;
}

/** A machine of the group. */
export interface NodeSummary {
  /** Its id, new at each start. */
  readonly id: string;
  /** Its name, for people. */
  readonly name: string;
  /** Version of the program. */
  readonly version: string;
  /** What it does. */
  readonly state: NodeState;
  /** Seconds since it was heard first. */
  readonly sinceSec: number;
  /** Number of its workers, over all pools. */
  readonly workers: number;
  /** Number of those that have a job. */
  readonly busy: number;
  /** Number of jobs that may wait because of it. */
  readonly places: number;
  /** Names of commands that have another text there. */
  readonly differs: readonly string[];
}

/** A shared queue. */
export interface ClusterPool {
  /** Name of the pool. */
  readonly name: string;
  /** Maximum number of unfinished jobs: workers and places of all machines. */
  readonly limit: number;
  /** Number of unfinished jobs when the server was last asked; undefined before that. */
  readonly unfinished: number | undefined;
  /** Number of results of this machine that have not been taken. */
  readonly undelivered: number;
}

/** What a machine knows of its group now. `name` is that of the group; `lines` are its queues, with what looks after their streams. */
export function stateOf(
  { node, link, nodes, clock }: Group,
  name: string,
  lines: ReadonlyMap<ClusterLine, Keeper>,
): ClusterState {
  return {
    group: name,
    node,
    connected: link.connected,
    serverVersion: link.serverVersion,
    reconnections: Math.max(0, link.connections - 1),
    nodes: nodes.alive(clock.now()).map(({ beat, sinceMs }) => ({
      id: beat.node,
      name: beat.name,
      version: beat.version,
      state: beat.state,
      sinceSec: (clock.now() - sinceMs) / 1000,
      ...sumOf(Object.values(beat.pools)),
      differs: differingFrom(beat, lines.keys()),
    })),
    lost: link.connected ? nodes.lost(clock.now()) : 0,
    pools: poolsOf(lines),
  };
}

/** The names of commands of these queues that have another text on another machine, sorted. */
export function differingFrom(other: Beat, lines: Iterable<ClusterLine>): readonly string[] {
  const names = new Set<string>();
  for (const line of lines) {
    for (const name of differing(line.pool, line.beat(), [other])) names.add(name);
  }
  return [...names].sort();
}

/** A queue that ends can have a successor for the same pool: they share the stream. */
function poolsOf(lines: ReadonlyMap<ClusterLine, Keeper>): readonly ClusterPool[] {
  const pools = new Map<string, ClusterPool>();
  for (const [{ pool: name, executor }, { limit, unfinished }] of lines) {
    const undelivered = executor.undelivered + (pools.get(name)?.undelivered ?? 0);
    pools.set(name, { name, limit, unfinished, undelivered });
  }
  return [...pools.values()];
}

/** The workers and places of a machine, over its pools. */
export function sumOf(
  pools: readonly PoolBeat[],
): Pick<NodeSummary, "workers" | "busy" | "places"> {
  const sum = (of: (pool: PoolBeat) => number) => pools.reduce((sum, pool) => sum + of(pool), 0);
  return {
    workers: sum(({ workers }) => workers),
    busy: sum(({ busy }) => busy),
    places: sum(({ places }) => places),
  };
}
