/**
 * What machines that share their queues report to metrics and the log.
 *
 * @module
 */

import type { ClusterReport } from "../cluster/report.ts";
import type { ClusterMetrics } from "../telemetry/cluster_metrics.ts";
import type { Listeners } from "./account.ts";

/** Where it is reported. */
export interface ClusterListeners extends Pick<Listeners, "log" | "metrics"> {
  /** Where what the machines say to each other is counted. */
  readonly clusterMetrics: ClusterMetrics;
  /** Whether commands and pools have names: with a configuration file. */
  readonly named: boolean;
}

/** Reports what machines say to each other. */
export function reportTo(
  { log, metrics, clusterMetrics, named }: ClusterListeners,
): ClusterReport {
  const countsOf = (pool: string) => clusterMetrics.of(named ? pool : undefined);
  return {
    claimed: (pool, answer) => countsOf(pool).claimed(answer),
    ranElsewhere: ({ names, queuedSec }) => metrics.of(names).waited(queuedSec),
    redelivered: (pool) => countsOf(pool).redelivered(),
    republished: (pool) => countsOf(pool).republished(),
    unclaimed: (pool) => countsOf(pool).unclaimed(),
    hop: clusterMetrics.hop,
    misunderstood: (detail) =>
      log.write("a message of another machine was not understood", { detail }),
    lost: (_pool, uid, node) => log.write("a machine was lost", { uid, node }),
  };
}
