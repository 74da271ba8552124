/**
 * The figures of a group of machines for metrics.
 *
 * @module
 */

import type { ClusterState } from "../cluster/cluster.ts";
import type { ClusterFigures } from "../telemetry/cluster_metrics.ts";

/** Takes them out of what is known of the group. `named`: whether pools have names, with a configuration file. */
export function figuresOf(
  { connected, reconnections, nodes, lost, pools }: ClusterState,
  named: boolean,
): ClusterFigures {
  const count = (wanted: "up" | "draining") => nodes.filter(({ state }) => state === wanted).length;
  return {
    connected,
    reconnections,
    nodes: { up: count("up"), draining: count("draining"), lost },
    differing: new Set(nodes.flatMap(({ differs }) => differs)).size,
    queues: pools.map(({ name, limit, unfinished, undelivered }) => ({
      name: named ? name : undefined,
      limit,
      messages: unfinished,
      heldResults: undelivered,
    })),
  };
}
