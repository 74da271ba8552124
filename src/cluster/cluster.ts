/**
 * The group of machines that share queues, as one of them: it listens to the others, says every second that it lives, and looks
 * after the streams.
 *
 * @module
 */

import type { ClusterConfig } from "../config/config.ts";
import type { LineSize, ResizableLine } from "../jobs/line.ts";
import { answerOthers } from "./answers.ts";
import { type ClusterState, stateOf } from "./cluster_state.ts";
import { type Clock, endable, systemClock, within } from "./clock.ts";
import { decodeBeat, encodeBeat } from "./codec.ts";
import type { Group } from "./group.ts";
import type { PoolHost } from "./host.ts";
import { Company } from "./company.ts";
import { Keeper } from "./keeper.ts";
import { ClusterLine } from "./line.ts";
import type { Link } from "./link.ts";
import { protocol, streamOf, subjectsOf } from "./names.ts";
import { type Beat, createNodes, joined, type NodeState, type PoolBeat } from "./nodes.ts";
import type { ClusterReport } from "./report.ts";

export type { ClusterState } from "./cluster_state.ts";

/** Time between two beats, in milliseconds, unless a machine counts as dead after less than three of them. */
const beatMs = 1000;

/** Time between two looks at the streams, in milliseconds. */
const keepMs = 1000;

/** Time between two looks at jobs whose machine may be dead, in milliseconds. */
const lookMs = 500;

/** Time between two audits, and from a reconnection, or when this process goes on, to the next one, in milliseconds. */
const auditMs = 10_000;
const firstAuditMs = 2000;

/** How late a timer must be to show that this process was frozen, in milliseconds. */
const frozenMs = 1000;

/** How long results may take to be delivered when this machine leaves, in milliseconds; longer while they are read. */
const deliverMs = 5000;

/** The server must offer a job anew only when its machine counts as dead: so many milliseconds later. */
const ackWaitBeyondMs = 2000;

/** What a group is made of. */
export interface ClusterParts {
  /** The settings. */
  readonly config: ClusterConfig;
  /** Version of the program. */
  readonly version: string;
  /** The connection. */
  readonly link: Link;
  /** Where events are counted and logged. */
  readonly report: ClusterReport;
  /** Called with a sentence for the user if a queue, or the group, can never be used. */
  readonly onRefused: (sentence: string) => void;
  /** Id of this machine in the group, a UUID; a new one if it is absent. */
  readonly node?: string;
  /** The time; that of the runtime if it is absent. */
  readonly clock?: Clock;
}

/** See the module's head. */
export interface Cluster {
  /** Opens the queue of a pool. */
  openLine(pool: string, size: LineSize, host: PoolHost): ResizableLine;
  /** Resolves when it was tried to make the streams of the queues that are open. */
  begun(): Promise<void>;
  /** What is known. */
  state(): ClusterState;
  /** This machine is stopping: the others take the jobs. */
  leave(): void;
  /** Delivers what is still to be delivered, at most for a while, and closes the connection. To be called when no job runs any more. */
  close(): Promise<void>;
}

/** Joins a group. */
export function joinCluster(
  { config, version, link, report, onRefused, ...parts }: ClusterParts,
): Cluster {
  const clock = endable(parts.clock ?? systemClock);
  const group: Group = {
    node: parts.node ?? crypto.randomUUID(),
    link,
    nodes: createNodes(config.nodeTimeoutMs),
    subjects: subjectsOf(config.group),
    rules: { onLost: config.onLost, attempts: config.attempts },
    nodeTimeoutMs: config.nodeTimeoutMs,
    ackWaitMs: config.nodeTimeoutMs + ackWaitBeyondMs,
    clock,
    report,
  };
  const { node, nodes, subjects } = group;
  const lines = new Map<ClusterLine, Keeper>();
  let state: NodeState = "up";
  let connections = 0;
  let opened = 0;
  let isBeatDue = false;
  /** Why the last beat that could not be sent was not: the sentence that was passed to `onRefused`. */
  let refusedBeat: string | undefined;
  let stopFirstAudit = () => {};
  const begins = new Set<Promise<void>>();

  const all = () => [...lines.keys()];
  const company = new Company(group, all);

  function ownBeat(): Beat {
    const pools = new Map<string, PoolBeat>();
    for (const line of all()) {
      // A queue that ends can have a successor for the same pool.
      const other = pools.get(line.pool);
      pools.set(line.pool, other ? joined(other, line.beat()) : line.beat());
    }
    const { nodeName: name } = config;
    return { proto: protocol, node, name, version, state, pools: Object.fromEntries(pools) };
  }

  function beat(): void {
    const own = ownBeat();
    nodes.heard(own, clock.now());
    if (!link.connected) return;
    try {
      link.publish(subjects.heartbeat, encodeBeat(own));
    } catch (error) {
      // It has too many jobs and commands for one message of this server.
      const sentence = (error as Error).message;
      if (sentence !== refusedBeat) onRefused(sentence);
      refusedBeat = sentence;
    }
  }

  /** Several changes in one turn are told together. */
  function beatSoon(): void {
    if (isBeatDue) return;
    isBeatDue = true;
    clock.after(0, () => {
      isBeatDue = false;
      beat();
    });
  }

  function heard(other: Beat): void {
    if (other.node === node) return;
    const isNew = !nodes.isKnown(other.node);
    nodes.heard(other, clock.now());
    // So it knows at once whom it shares its queues with.
    if (isNew) beatSoon();
  }

  function every(ms: number, act: () => void): void {
    let last = clock.now();
    clock.after(ms, again);
    function again(): void {
      clock.after(ms, again);
      if (clock.now() - last > ms + frozenMs) wasAway();
      last = clock.now();
      act();
    }
  }

  /** What the others said meanwhile was lost, or has yet to be read; they may have given up jobs of this machine's clients. */
  function wasAway(): void {
    nodes.reconnected(clock.now());
    stopFirstAudit();
    stopFirstAudit = clock.after(firstAuditMs, audit);
  }

  function onLink(): void {
    if (!link.connected || link.connections === connections) return;
    connections = link.connections;
    wasAway();
    beat();
    for (const keeper of lines.values()) void begin(keeper);
  }

  async function begin(keeper: Keeper): Promise<void> {
    const begun = keeper.begin();
    begins.add(begun);
    await begun;
    begins.delete(begun);
  }

  function audit(): void {
    if (link.connected) { for (const { front } of all()) void front.audit(); }
  }

  link.subscribe(subjects.heartbeat, ({ data }) => {
    const other = decodeBeat(data);
    if (other) heard(other);
    else report.misunderstood("a heartbeat");
  });
  answerOthers(group, all);
  link.onChange(onLink);
  onLink();
  every(Math.min(beatMs, config.nodeTimeoutMs / 3), () => {
    beat();
    company.look();
  });
  every(keepMs, () => {
    if (link.connected) { for (const keeper of lines.values()) void keeper.look(); }
  });
  every(lookMs, () => all().forEach((line) => line.look()));
  every(auditMs, audit);
  every(group.ackWaitMs / 3, () => all().forEach(({ executor }) => executor.signLife()));

  return {
    openLine(pool, size, host) {
      const names = streamOf(config.group, pool);
      const name = `${pool}-${++opened}`;
      const line = new ClusterLine({ group, pool, name, names, host, onChange: beatSoon }, size);
      const { storage, replicas } = config;
      const keeper = new Keeper({ group, line, settings: { storage, replicas }, onRefused });
      lines.set(line, keeper);
      void line.ended.then(() => line.executor.idle()).then(() => {
        line.executor.close();
        lines.delete(line);
        beatSoon();
      });
      beat();
      if (link.connected) void begin(keeper);
      return line;
    },
    async begun() {
      await Promise.all(begins);
    },
    state: () => stateOf(group, config.group, lines),
    leave() {
      state = "draining";
      for (const line of all()) line.leave();
      beat();
    },
    async close() {
      const delivered = () => Promise.all(all().map(({ executor }) => executor.idle()));
      const areRead = () => all().some(({ executor }) => clock.now() - executor.readMs < deliverMs);
      do await within(clock, deliverMs, delivered()); while (areRead());
      state = "gone";
      beat();
      clock.end();
      for (const { executor } of all()) executor.close();
      await link.close();
    },
  };
}
