/**
 * What machines that share their queues report to metrics and the log.
 *
 * @module
 */

import type { ClusterReport } from "../cluster/report.ts";
import type { Log } from "../telemetry/log.ts";

/** Reports what machines say to each other. */
export function reportTo(log: Log): ClusterReport {
  return {
    claimed() {},
    redelivered() {},
    republished() {},
    unclaimed() {},
    hop() {},
    misunderstood: (detail) =>
      log.write("a message of another machine was not understood", { detail }),
    lost: (_pool, uid, node) => log.write("a machine was lost", { uid, node }),
  };
}
