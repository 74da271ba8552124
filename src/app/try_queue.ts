/**
 * Tries the queue that machines share, for `jobrunner serve --check`: whether NATS can be reached and used, and who is there.
 *
 * @module
 */

import { atMost } from "../async/at_most.ts";
import type { SeenNode, Sight } from "../cluster/entry.ts";
import type { CommandConfig, Config } from "../config/config.ts";
import type { QueueTrial, ServiceStart } from "../isolate/messages.ts";
import { commandDigest } from "./pool_host.ts";
import { linkSettingsOf } from "./shared_queue.ts";
import { createUnusableServers } from "./unusable_servers.ts";

/** How long a connection may take with all servers together, in milliseconds. */
const connectMs = 5000;

/** Machines beyond this number are only counted. */
const maxMachines = 100;

/** Connects as a server would, and looks around; nothing is made or changed. Undefined on a machine of its own. */
export async function tryQueue(
  { config, clusterSecrets }: Pick<ServiceStart, "config" | "clusterSecrets">,
): Promise<QueueTrial | undefined> {
  const { cluster } = config;
  if (!cluster) return undefined;
  const { openLink, visit } = await import("../cluster/entry.ts");
  const tried = Promise.withResolvers<void>();
  const failures: string[] = [];
  const failed = new Set<string>();
  const unusable = createUnusableServers(cluster.servers);
  let isHopeless = false;
  const link = openLink(linkSettingsOf(cluster, clusterSecrets), (failure) => {
    failures.push(failure.message);
    failed.add(failure.server);
    isHopeless ||= unusable.add(failure, link);
    // One attempt with each server is enough.
    if (isHopeless || cluster.servers.every((each) => failed.has(each))) tried.resolve();
  });
  link.onChange(() => tried.resolve());
  await atMost(connectMs, tried.promise);
  const found = [`group ${cluster.group}, over NATS at ${cluster.servers.join(", ")}`];
  if (!link.connected) {
    await link.close();
    const errors = failures.length > 0 ? failures : ["NATS does not answer"];
    return { found, warnings: [], errors };
  }
  const version = link.serverVersion;
  const { group, storage, replicas } = cluster;
  const pools = digestsOf(config.commands);
  const sight = await visit(link, { group, pools, streams: { storage, replicas } });
  await link.close();
  const errors = [...(isHopeless ? failures : []), ...sight.faults];
  return {
    found: [
      ...found,
      `connected to nats-server ${version}${errors.length > 0 ? "" : ", which has JetStream"}`,
      ...describe(sight, config),
    ],
    warnings: [
      // One server that can be used is enough.
      ...(isHopeless ? [] : failures),
      ...sight.nodes.slice(0, maxMachines).flatMap((node) => differences(node, config)),
    ],
    errors,
  };
}

/** The digests of commands, by pool and name. */
function digestsOf(commands: readonly CommandConfig[]): Record<string, Record<string, string>> {
  const pools: Record<string, Record<string, string>> = {};
  for (const { name, pool, command: { text } } of commands) {
    (pools[pool] ??= {})[name] = commandDigest(text);
  }
  return pools;
}

function describe({ nodes, queues }: Sight, { named }: Config): string[] {
  const more = nodes.length - maxMachines;
  return [
    ...queues.map(({ pool, jobs, limit }) =>
      `${named ? `pool ${pool}: ` : ""}unfinished jobs: ${jobs} of ${limit}`
    ),
    ...nodes.slice(0, maxMachines).map(({ name, version, state, workers, places }) =>
      `machine ${name}: jobrunner ${version}, ${state}, workers: ${workers}, places: ${places}`
    ),
    ...(more > 0 ? [`machines besides: ${more}`] : []),
    ...(nodes.length === 0 ? ["no other machine is there"] : []),
  ];
}

function differences({ name, differs }: SeenNode, { named }: Config): string[] {
  if (differs.length === 0) return [];
  const what = named ? `the text of ${differs.join(", ")}` : "the command";
  return [`${what} differs on the machine ${name}: a job may run here or there`];
}
