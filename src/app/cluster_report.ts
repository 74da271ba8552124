/**
 * What machines that share their queues report to metrics, traces and the log.
 *
 * @module
 */

import type { ClusterReport } from "../cluster/report.ts";
import type { Listeners } from "./account.ts";
import { clusterLog } from "./cluster_log.ts";

/** Where it is reported. */
export interface ClusterListeners extends Pick<Listeners, "log" | "recent" | "tracing"> {
  /** Whether commands and pools have names: with a configuration file. */
  readonly named: boolean;
}

/** Reports what machines say to each other. */
export function reportTo({ log, recent, tracing, named }: ClusterListeners): ClusterReport {
  return {
    ...clusterLog(log, named),
    claimed() {},
    ranElsewhere({ spec, queuedSec, totalSec }) {
      recent.queuedSec.add(queuedSec);
      const { traceparent, tracestate } = spec;
      if (traceparent === undefined) return;
      const context = { traceparent, ...(tracestate === undefined ? {} : { tracestate }) };
      tracing.waited(context, { queuedSec, totalSec });
    },
    redelivered() {},
    hop() {},
  };
}
