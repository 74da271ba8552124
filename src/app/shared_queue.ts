/**
 * Joins the machines that share their queues, if that is configured. The code for that is loaded only then.
 *
 * @module
 */

import { atMost } from "../async/at_most.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { LinkSettings } from "../cluster/entry.ts";
import type { ClusterConfig, ClusterSecrets, ClusterTls } from "../config/config.ts";
import { StartError } from "../isolate/start_error.ts";
import { createClusterMetrics, observeCluster } from "../telemetry/cluster_metrics.ts";
import type { Exposition } from "../telemetry/exposition.ts";
import { version } from "../version.ts";
import { toMilliseconds } from "../wire/rounding.ts";
import { figuresOf } from "./cluster_figures.ts";
import { type ClusterListeners, reportTo } from "./cluster_report.ts";
import { createUnusableServers } from "./unusable_servers.ts";

/** How long a start waits for the first connection, and then for the queues, in milliseconds; afterwards the server serves without. */
const startMs = 2000;

/** The machines that share their queues. */
export interface SharedQueue extends Cluster {
  /**
   * Resolves when the queues can be used, or after a while. Rejects with a `StartError` if it is certain that they never can be
   * with these settings. To be called once the queues are open.
   */
  begun(): Promise<void>;
}

/** Where what machines say to each other is reported. */
export interface SharedQueueListeners extends Omit<ClusterListeners, "clusterMetrics"> {
  /** Gets the metrics of the group. */
  readonly exposition: Exposition;
}

/** Connects, and joins the group. Rejects with a `StartError` if it is certain that this never works with these settings. */
export async function openSharedQueue(
  config: ClusterConfig,
  secrets: ClusterSecrets | undefined,
  { exposition, ...listeners }: SharedQueueListeners,
): Promise<SharedQueue> {
  const { log, named } = listeners;
  const { joinCluster, openLink } = await import("../cluster/entry.ts");
  const { nodeName: name } = config;
  const node = crypto.randomUUID();
  /** Why this can never work; undefined while that is not known. */
  let refusal: string | undefined;
  let isStarting = true;
  let wasConnected = false;
  let lostMs: number | undefined;
  const tried = Promise.withResolvers<void>();
  const unusable = createUnusableServers(config.servers);
  const link = openLink(linkSettingsOf(config, secrets), (failure) => {
    const { message: reason } = failure;
    if (wasConnected && !link.connected) lostMs = performance.now();
    if (unusable.add(failure, link)) refused(reason);
    else if (wasConnected) log.write("the connection to NATS was lost", { reason });
    else log.write("NATS cannot be reached", { reason });
    wasConnected &&= link.connected;
  });

  function refused(sentence: string): void {
    refusal = sentence;
    tried.resolve();
    if (!isStarting) log.write("the queue cannot be shared", { reason: sentence });
  }

  /** Whether the start is to fail. */
  async function fail(): Promise<void> {
    if (refusal === undefined) return;
    await link.close();
    throw new StartError(`cannot share the queue: ${refusal}`);
  }

  link.onChange(() => {
    if (!link.connected) return;
    unusable.clear();
    tried.resolve();
    wasConnected = true;
    log.write("connected to NATS", {
      "server.version": link.serverVersion,
      group: config.group,
      node: name,
      node_id: node,
      away_sec: lostMs === undefined
        ? undefined
        : toMilliseconds((performance.now() - lostMs) / 1000),
    });
    lostMs = undefined;
  });
  await atMost(startMs, tried.promise);
  await fail();
  const clusterMetrics = createClusterMetrics(exposition);
  const cluster = joinCluster({
    config,
    version,
    link,
    node,
    report: reportTo({ ...listeners, clusterMetrics }),
    onRefused: refused,
  });
  observeCluster(exposition, () => figuresOf(cluster.state(), named));
  return {
    ...cluster,
    openLine(pool, size, host) {
      // Its counters exist from now on.
      clusterMetrics.of(named ? pool : undefined);
      return cluster.openLine(pool, size, host);
    },
    async begun() {
      if (link.connected) await atMost(startMs, cluster.begun());
      await fail();
      isStarting = false;
    },
  };
}

/** Whether jobs can be queued: always on a machine of its own. */
export function queueStateOf(
  config: ClusterConfig | undefined,
  shared: Pick<SharedQueue, "state"> | undefined,
): "ok" | "degraded" | "unavailable" {
  if (!shared || shared.state().connected) return "ok";
  return config?.ready === "strict" ? "unavailable" : "degraded";
}

/** How to connect. */
export function linkSettingsOf(
  { servers, tls, nodeName: name }: ClusterConfig,
  { credentials, clientKey }: ClusterSecrets = { credentials: { kind: "none" } },
): LinkSettings {
  return { servers, name, credentials, tls: tls && tlsOf(tls, clientKey) };
}

function tlsOf({ first, ca, cert }: ClusterTls, key: string | undefined) {
  return {
    first,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}
