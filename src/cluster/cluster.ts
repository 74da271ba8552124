/**
 * The group of machines that share queues, as one of them: it listens to the others, says every second that it lives, and looks
 * after the streams.
 *
 * @module
 */

import type { ClusterConfig } from "../config/config.ts";
import type { LineSize, ResizableLine } from "../jobs/line.ts";
import {
  decodeBeat,
  decodeCancel,
  decodeOutput,
  decodePortion,
  decodeQuestion,
  decodeResult,
  encodeAnswer,
  encodeBeat,
  encodeTaken,
} from "./codec.ts";
import { type Clock, type Group, systemClock } from "./group.ts";
import type { PoolHost } from "./host.ts";
import { type Incoming, type Link, LinkError } from "./link.ts";
import { ClusterLine } from "./line.ts";
import { streamOf, subjectsOf } from "./names.ts";
import { type Beat, createNodes, keeperOf, limitOf, type NodeState } from "./nodes.ts";
import type { ClusterReport } from "./report.ts";

/** Time between two beats, in milliseconds. */
const beatMs = 1000;

/** Time between two looks at jobs whose machine may be dead, in milliseconds. */
const lookMs = 500;

/** Time between two audits, and from a reconnection to the next one, in milliseconds. */
const auditMs = 10_000;
const firstAuditMs = 2000;

/** For how long a machine that has just come looks before it changes the limit of a queue, in milliseconds. */
const settleMs = 1500;

/** The server must offer a job anew only when its machine counts as dead: so many milliseconds later. */
const ackWaitBeyondMs = 2000;

/** What is known of the group, for people. */
export interface ClusterState {
  /** Name of the group. */
  readonly group: string;
  /** Whether there is a connection. */
  readonly connected: boolean;
  /** Version of the server; undefined before the first connection. */
  readonly serverVersion: string | undefined;
  /** The machines that live, this one included. */
  readonly nodes: readonly NodeSummary[];
  /** The queues, by the names of their pools. */
  readonly pools: readonly ClusterPool[];
  /** How often a connection was made again. */
  readonly reconnections: number;
}

/** A machine of the group. */
export interface NodeSummary {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly state: NodeState;
  /** Seconds since it was heard first. */
  readonly sinceSec: number;
  /** Numbers of its workers, of those that have a job, and of its places, over all pools. */
  readonly workers: number;
  readonly busy: number;
  readonly places: number;
  /** Names of commands that have another text there. */
  readonly differs: readonly string[];
}

/** A shared queue. */
export interface ClusterPool {
  readonly name: string;
  /** Maximum number of unfinished jobs: workers and places of all machines. */
  readonly limit: number;
  /** Number of unfinished jobs when the server was last asked; undefined before that. */
  readonly unfinished: number | undefined;
  /** Number of results of this machine that have not been taken. */
  readonly undelivered: number;
}

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
  /** The time. */
  readonly clock?: Clock;
}

/** See the module's head. */
export interface Cluster {
  /** Opens the queue of a pool. */
  openLine(pool: string, size: LineSize, host: PoolHost): ResizableLine;
  /** What is known. */
  state(): ClusterState;
  /** This machine is stopping: the others take the jobs. */
  leave(): void;
  /** Delivers what is still to be delivered, at most for a while, and closes the connection. To be called when no job runs any more. */
  close(): Promise<void>;
}

/** Joins a group. */
export function joinCluster(
  { config, version, link, report, clock = systemClock }: ClusterParts,
): Cluster {
  const node = crypto.randomUUID();
  const nodes = createNodes(config.nodeTimeoutMs);
  const subjects = subjectsOf(config.group);
  const group: Group = {
    node,
    name: config.nodeName,
    link,
    nodes,
    subjects,
    rules: { onLost: config.onLost, attempts: config.attempts },
    nodeTimeoutMs: config.nodeTimeoutMs,
    ackWaitMs: config.nodeTimeoutMs + ackWaitBeyondMs,
    clock,
    report,
  };
  const lines = new Map<string, ClusterLine>();
  const sizes = new Map<string, { readonly messages: number; readonly maxMessages: number }>();
  const ready = new Set<string>();
  let state: NodeState = "up";
  let wasConnected = false;
  const stops = new Set<() => void>();
  let beatSoon: (() => void) | undefined;

  const all = () => [...lines.values()];
  const beats = () => nodes.alive(clock.now()).map(({ beat }) => beat);

  function beat(): void {
    const own: Beat = {
      proto: 1,
      node,
      name: config.nodeName,
      version,
      state,
      pools: Object.fromEntries(all().map((line) => [line.pool, line.beat()])),
    };
    nodes.heard(own, clock.now());
    link.publish(subjects.heartbeat, encodeBeat(own));
  }

  /** A change is told at once, and several that come together are told together. */
  function changed(): void {
    beatSoon ??= clock.after(0, () => {
      beatSoon = undefined;
      beat();
    });
  }

  /** Makes the stream of a pool, with the limit of what is known; tries again at the next beat if that fails. */
  async function ensure(line: ClusterLine): Promise<void> {
    const own = line.beat();
    try {
      await link.ensure({
        ...line.names,
        maxMessages: Math.max(1, own.workers + own.places),
        ackWaitMs: group.ackWaitMs,
        storage: config.storage,
        replicas: config.replicas,
      });
      ready.add(line.pool);
      line.executor.renew();
    } catch (error) {
      if (error instanceof LinkError && error.trouble === "refused") report.refused(error.message);
    }
  }

  async function keep(line: ClusterLine): Promise<void> {
    const { stream } = line.names;
    if (!ready.has(line.pool)) return await ensure(line);
    try {
      const size = await link.size(stream);
      sizes.set(line.pool, size);
      const isSettled = clock.now() - link.connectedAt > settleMs;
      const limit = Math.max(1, limitOf(line.pool, beats()));
      if (isSettled && keeperOf(line.pool, beats()) === node && limit !== size.maxMessages) {
        await link.setMaxMessages(stream, limit);
        sizes.set(line.pool, { ...size, maxMessages: limit });
      }
    } catch (error) {
      if (error instanceof LinkError && error.trouble === "not_found") ready.delete(line.pool);
    }
  }

  function every(ms: number, act: () => void): void {
    let stop = clock.after(ms, again);
    function again(): void {
      stop = clock.after(ms, again);
      act();
    }
    stops.add(() => stop());
  }

  function onLink(): void {
    if (link.connected === wasConnected) return;
    wasConnected = link.connected;
    if (!wasConnected) return;
    nodes.reconnected(clock.now());
    ready.clear();
    beat();
    for (const line of all()) void ensure(line);
    stops.add(clock.after(firstAuditMs, audit));
  }

  function audit(): void {
    if (link.connected) { for (const line of all()) void line.front.audit(); }
  }

  const isOf = (uid: string) => all().find(({ front }) => front.has(uid));
  const lineHolding = (uid: string) => all().find(({ executor }) => executor.has(uid));
  const respond = (message: Incoming, data: Uint8Array<ArrayBuffer>) => {
    if (message.reply) link.publish(message.reply, data);
  };

  function asked(message: Incoming): void {
    const verb = message.subject.slice(message.subject.lastIndexOf(".") + 1);
    switch (verb) {
      case "started":
      case "claim": {
        const question = decodeQuestion(message.data);
        if (!question) return report.misunderstood(verb);
        nodes.seen(question.node, clock.now());
        const answer = isOf(question.uid)?.front.asked(question) ?? "gone";
        return respond(message, encodeAnswer(answer));
      }
      case "back": {
        const question = decodeQuestion(message.data);
        if (!question) return report.misunderstood(verb);
        isOf(question.uid)?.front.givenBack(question);
        return respond(message, encodeAnswer("gone"));
      }
      case "payload":
        return void portion(
          message,
          (uid, of, at, length) =>
            of === "payload" ? isOf(uid)?.front.read(at, length, uid) : undefined,
        );
      case "result": {
        const result = decodeResult(message.data);
        if (!result) return report.misunderstood(verb);
        nodes.seen(result.node, clock.now());
        // Without an answer the machine delivers it again.
        isOf(result.uid)?.front.received(result)
          .then((taken) => respond(message, encodeTaken(taken)), () => {}) ??
          respond(message, encodeTaken(false));
        return;
      }
      case "output": {
        const output = decodeOutput(message.data);
        if (!output) return report.misunderstood(verb);
        isOf(output.uid)?.front.output(output, output.bytes);
        return respond(message, nothing);
      }
      default:
        report.misunderstood(`the question ${verb}`);
    }
  }

  link.onChange(onLink);
  onLink();
  every(beatMs, () => {
    beat();
    for (const line of all()) void keep(line);
  });
  every(lookMs, () => all().forEach((line) => line.look()));
  every(auditMs, audit);
  every(group.ackWaitMs / 3, () => all().forEach(({ executor }) => executor.signLife()));
}

const nothing = new Uint8Array();
