/**
 * Metrics of machines that share their queues. They are created only where that is configured.
 *
 * @module
 */

import {
  catalogue,
  type ClaimAnswerLabel,
  claimAnswers,
  type ClusterHop,
  clusterHops,
  type NodeStateLabel,
  nodeStates,
} from "./catalogue.ts";
import { createCounter } from "./counters.ts";
import type { Exposition } from "./exposition.ts";
import type { Labels } from "./histogram.ts";

/** Where what the machines of a group say to each other is counted. */
export interface ClusterMetrics {
  /**
   * Where that of a queue is counted. Its series exist from the first call on, from 0. `pool` is undefined without a
   * configuration file.
   */
  of(pool: string | undefined): QueueCounts;
  /** A step between machines took so many seconds. */
  hop(hop: ClusterHop, seconds: number): void;
}

/** Where that of one queue is counted. */
export interface QueueCounts {
  /** This machine has decided whether a machine may run a job. */
  claimed(answer: ClaimAnswerLabel): void;
  /** A job was offered that had been offered before. */
  redelivered(): void;
  /** A job was put into the queue again. */
  republished(): void;
  /** A result was not wanted, or could not be delivered. */
  unclaimed(): void;
}

/** What is read at each scrape. */
export interface ClusterFigures {
  /** Whether there is a connection. */
  readonly connected: boolean;
  /** How often a connection was made again. */
  readonly reconnections: number;
  /** Number of machines by state. */
  readonly nodes: Readonly<Record<NodeStateLabel, number>>;
  /** Number of commands that have another text elsewhere. */
  readonly differing: number;
  /** The queues. */
  readonly queues: readonly SharedQueueFigures[];
}

/** The figures of a shared queue. */
export interface SharedQueueFigures {
  /** Name of its pool; undefined without a configuration file. */
  readonly name: string | undefined;
  /** Maximum number of unfinished jobs of all machines. */
  readonly limit: number;
  /** Number of those that there are; undefined if it is not known. */
  readonly messages: number | undefined;
  /** Number of results of this machine that have not been taken. */
  readonly heldResults: number;
}

/** The counts of one queue that have no label of their own. */
interface QueueTotals {
  readonly labels: Labels;
  redelivered: number;
  republished: number;
  unclaimed: number;
}

/** Creates the instruments for reported events. Of queues there are no series yet. */
export function createClusterMetrics(exposition: Exposition): ClusterMetrics {
  const known = new Map<string | undefined, QueueCounts>();
  const totals: QueueTotals[] = [];
  for (const [row, key] of totalRows) {
    exposition.observe(row, (report) => {
      for (const queue of totals) report(queue[key], queue.labels);
    });
  }
  const claims = createCounter(exposition, catalogue.clusterClaims, "answer", claimAnswers);
  const hops = exposition.histogram(catalogue.clusterHops);
  const recordHop = Object.fromEntries(
    clusterHops.map((hop) => [hop, hops.add({ hop })]),
  ) as Record<ClusterHop, (seconds: number) => void>;

  function create(pool: string | undefined): QueueCounts {
    const labels = labelsOf(pool);
    const own: QueueTotals = { labels, redelivered: 0, republished: 0, unclaimed: 0 };
    totals.push(own);
    const claimsOf = claims.add(labels);
    return {
      claimed: (answer) => void claimsOf[answer]++,
      redelivered: () => void own.redelivered++,
      republished: () => void own.republished++,
      unclaimed: () => void own.unclaimed++,
    };
  }

  return {
    of(pool) {
      let counts = known.get(pool);
      if (!counts) known.set(pool, counts = create(pool));
      return counts;
    },
    hop: (hop, seconds) => recordHop[hop](seconds),
  };
}

/** Creates the instruments for values that are read at each scrape. */
export function observeCluster(
  { observe }: Pick<Exposition, "observe">,
  read: () => ClusterFigures,
): void {
  observe(catalogue.clusterConnected, (report) => report(read().connected ? 1 : 0));
  observe(catalogue.clusterNodes, (report) => {
    const { nodes } = read();
    for (const state of nodeStates) report(nodes[state], { state });
  });
  observe(catalogue.clusterDiffering, (report) => report(read().differing));
  observe(catalogue.clusterReconnects, (report) => report(read().reconnections));
  for (const [row, key] of queueRows) {
    observe(row, (report) => {
      for (const queue of read().queues) {
        const value = queue[key];
        if (value !== undefined) report(value, labelsOf(queue.name));
      }
    });
  }
}

const totalRows = [
  [catalogue.clusterRedeliveries, "redelivered"],
  [catalogue.clusterRepublished, "republished"],
  [catalogue.clusterUnclaimed, "unclaimed"],
] as const;

const queueRows = [
  [catalogue.clusterQueueLimit, "limit"],
  [catalogue.clusterQueueMessages, "messages"],
  [catalogue.clusterHeldResults, "heldResults"],
] as const;

function labelsOf(pool: string | undefined): Labels {
  return pool === undefined ? {} : { pool };
}
