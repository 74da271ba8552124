/**
 * Logs what machines report that share their queues.
 *
 * @module
 */

import type { ClusterReport, NodeName } from "../cluster/report.ts";
import type { JobSpec } from "../jobs/job.ts";
import { idsOf } from "../telemetry/ids.ts";
import type { Fields, Log } from "../telemetry/log.ts";
import { atMostEvery } from "./at_most_every.ts";

/** Shortest time between two lines about messages: a machine that sends one that is not understood sends more. */
const logEveryMs = 60_000;

/** The reports that are logged. */
export type LoggedReport = Pick<
  ClusterReport,
  | "departed"
  | "differs"
  | "joined"
  | "lost"
  | "misunderstood"
  | "republished"
  | "rerun"
  | "unclaimed"
  | "usable"
>;

/**
 * Makes them. `named`: whether commands and pools have names, with a configuration file; `now` is a monotonic clock in
 * milliseconds.
 */
export function clusterLog(log: Log, named: boolean, now?: () => number): LoggedReport {
  const mayLogMessage = atMostEvery(logEveryMs, now);
  const about = (pool: string, { id, command, token, ...spec }: JobSpec): Fields => ({
    ...idsOf(spec),
    id,
    ...(named ? { command, pool } : {}),
    token,
  });
  return {
    misunderstood(detail) {
      if (!mayLogMessage()) return;
      log.write("a message of another machine was not understood", { detail });
    },
    lost: (pool, job, node) =>
      log.write("a job was lost: no machine may run it again", {
        ...about(pool, job),
        ...fieldsOf(node),
      }),
    rerun: (pool, job, before, now) =>
      log.write("a job is run again: what its machine did with it is lost", {
        ...about(pool, job),
        ...fieldsOf(before),
        next_node: now.name,
        next_node_id: now.id,
      }),
    republished: (pool, job) =>
      log.write("a job was put into the queue again: NATS had lost it", about(pool, job)),
    unclaimed(pool, job, front, cause) {
      const fields = { ...about(pool, job), front: front.name, front_id: front.id };
      if (cause === "unwanted") {
        log.write("a result was not wanted by the machine of its client", fields);
      } else {
        log.write("a result was given up: the machine of its client did not take it", fields);
      }
    },
    usable: (pool) => log.write("the queue is shared", named ? { pool } : {}),
    joined: (node, version) =>
      log.write("a machine has joined the group", { ...fieldsOf(node), version }),
    departed(node, how) {
      if (how === "left") log.write("a machine has left the group", fieldsOf(node));
      else log.write("a machine of the group gives no sign of life", fieldsOf(node));
    },
    differs: (node, commands) =>
      log.write("commands differ on another machine of the group", {
        commands: commands.join(),
        ...fieldsOf(node),
      }),
  };
}

function fieldsOf(node: NodeName | undefined): Fields {
  return node ? { node: node.name, node_id: node.id } : {};
}
