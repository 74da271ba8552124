/**
 * The whole text of `/metrics` in a process of its own values, without a server.
 *
 * @module
 */

import type { Names } from "../../src/jobs/job.ts";
import {
  type ClusterFigures,
  createClusterMetrics,
  observeCluster,
} from "../../src/telemetry/cluster_metrics.ts";
import { createExposition } from "../../src/telemetry/exposition.ts";
import { type LiveFigures, observeLive, type PoolFigures } from "../../src/telemetry/live.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";

/** A pool without a name. */
export const somePool: PoolFigures = {
  name: undefined,
  numWorkers: 2,
  queueLimit: 20,
  queuedJobs: 12,
  oldestWaitSec: 3.5,
  busy: 1,
};

/** The server's process as it was measured, without a configuration file. */
export const someProcess = {
  cpuSec: 1.5,
  residentBytes: 1000,
  startTimeSec: 100,
  processesEnded: 4,
  virtualBytes: 5000,
  openFds: 20,
  maxFds: 1024,
  threads: 9,
};

/** A machine that shares its only queue with another one. */
export const someCluster: ClusterFigures = {
  connected: true,
  reconnections: 3,
  nodes: { up: 2, draining: 1, lost: 0 },
  differing: 0,
  queues: [{ name: undefined, limit: 26, messages: 7, heldResults: 1 }],
};

/** The metrics of such a machine, without series of queues. */
export function exposeCluster(
  { exposition }: Pick<ReturnType<typeof expose>, "exposition">,
  figures: () => ClusterFigures = () => someCluster,
) {
  const metrics = createClusterMetrics(exposition);
  observeCluster(exposition, figures);
  return metrics;
}

/** All instruments, except those of machines that share their queues, with these live values, and these commands announced for two workers each. */
export function expose(
  live: Partial<LiveFigures> = {},
  commands: readonly (Names | undefined)[] = [undefined],
) {
  let prepared = 0;
  const exposition = createExposition(() => Promise.resolve(void prepared++));
  const metrics = createMetrics(exposition, { scheme: "http", named: false });
  for (const names of commands) metrics.announce({ names, numWorkers: 2 });
  observeLive(exposition, {
    versions: { jobrunner: "1.2.3", deno: "2.9.6" },
    pools: () => [somePool],
    spooled: () => 5,
    listeners: () => 6,
    answersGivenUp: () => 4,
    buffered: () => ({ bodies: 77, captures: 8, answers: 9 }),
    process: () => someProcess,
    ...live,
  });
  /** What follows this beginning in all lines that have it. */
  const sample = async (name: string) =>
    (await exposition.text()).split("\n").filter((line) => line.startsWith(name)).map((line) =>
      line.slice(name.length)
    );
  return { exposition, metrics, sample, prepared: () => prepared };
}
