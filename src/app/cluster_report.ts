/**
 * What machines that share their queues report to metrics, traces and the log.
 *
 * @module
 */

import type { ClusterReport } from "../cluster/report.ts";
import type { ClusterMetrics } from "../telemetry/cluster_metrics.ts";
import type { Listeners } from "./account.ts";
import { clusterLog } from "./cluster_log.ts";

/** Where it is reported. */
export interface ClusterListeners
  extends Pick<Listeners, "log" | "metrics" | "recent" | "tracing"> {
  /** Where what the machines say to each other is counted. */
  readonly clusterMetrics: ClusterMetrics;
  /** Whether commands and pools have names: with a configuration file. */
  readonly named: boolean;
}

/** Reports what machines say to each other. */
export function reportTo(
  { log, metrics, clusterMetrics, recent, tracing, named }: ClusterListeners,
): ClusterReport {
  const countsOf = (pool: string) => clusterMetrics.of(named ? pool : undefined);
  const logged = clusterLog(log, named);
  return {
    ...logged,
    claimed: (pool, answer) => countsOf(pool).claimed(answer),
    ranElsewhere({ spec, names, queuedSec, totalSec }) {
      metrics.of(names).waited(queuedSec);
      recent.queuedSec.add(queuedSec);
      const { traceparent, tracestate } = spec;
      if (traceparent === undefined) return;
      const context = { traceparent, ...(tracestate === undefined ? {} : { tracestate }) };
      tracing.waited(context, { queuedSec, totalSec });
    },
    redelivered: (pool) => countsOf(pool).redelivered(),
    republished(pool, job) {
      countsOf(pool).republished();
      logged.republished(pool, job);
    },
    unclaimed(pool, ...about) {
      countsOf(pool).unclaimed();
      logged.unclaimed(pool, ...about);
    },
    hop: clusterMetrics.hop,
  };
}
