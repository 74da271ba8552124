/**
 * Which machines of the group live, and what they bring to a shared queue. This file does no I/O; times are those of one
 * monotonic clock of this process, in milliseconds, so the clocks of machines are never compared.
 *
 * @module
 */

/** What a machine does: it takes part, it is stopping, or it has said that it is leaving. */
export type NodeState = "up" | "draining" | "gone";

/** What a machine says of one of its pools. */
export interface PoolBeat {
  /** Number of its workers; of one that is stopping, only those that still run a job. */
  readonly workers: number;
  /** Number of jobs that may wait because of it. */
  readonly places: number;
  /** Number of workers that have a job. */
  readonly busy: number;
  /** Number of jobs of its clients that wait. */
  readonly waiting: number;
  /** Mean time of recent runs in seconds; 0 before the first. */
  readonly meanRunSec: number;
  /** Unique names of the jobs that it holds: offered to it, running, or with a result that has not been taken. */
  readonly held: readonly string[];
  /** Digest of the text of each command, by its name. */
  readonly commands: Readonly<Record<string, string>>;
}

/** What a machine says every second: that it lives, and what it does. */
export interface Beat {
  /** Version of the protocol. */
  readonly proto: number;
  /** Its id, new at each start. */
  readonly node: string;
  /** Its name, for people. */
  readonly name: string;
  /** Version of the program. */
  readonly version: string;
  /** What it does. */
  readonly state: NodeState;
  /** Its pools, by name. */
  readonly pools: Readonly<Record<string, PoolBeat>>;
}

/** A machine that lives. */
export interface LiveNode {
  /** What it has said last. */
  readonly beat: Beat;
  /** When it was heard first. */
  readonly sinceMs: number;
}

/** What is known of the machines of a group. */
export interface Nodes {
  /** A machine has been heard, this one included. A later beat replaces the one before. */
  heard(beat: Beat, nowMs: number): void;
  /** A machine has asked something, so it lives, also one that has never been heard. */
  seen(node: string, nowMs: number): void;
  /**
   * This machine is connected, for the first time or again, or it was frozen and goes on: what was not heard meanwhile says
   * nothing.
   */
  reconnected(nowMs: number): void;
  /**
   * Whether a machine lives: it has been heard or seen within the timeout, and has not said that it is leaving. For a timeout after a
   * reconnection every machine lives that has not said that, also one that has never been heard.
   */
  isAlive(node: string, nowMs: number): boolean;
  /**
   * Whether a machine says that it does not hold a job: by a beat that came after `sinceMs` and after the last reconnection. A
   * machine lists a job before it asks for it, and messages of one machine arrive in order, so a beat that came after its question
   * would list it.
   */
  denies(
    node: string,
    job: { readonly pool: string; readonly uid: string },
    sinceMs: number,
  ): boolean;
  /** Whether a machine has said that it is leaving. */
  hasLeft(node: string): boolean;
  /** Whether a machine has been heard, and is not forgotten. */
  isKnown(node: string): boolean;
  /** Whether a machine has been heard or seen after this time. */
  heardSince(node: string, sinceMs: number): boolean;
  /** Name of a machine, for people; its id if it has not been heard. */
  nameOf(node: string): string;
  /** Whether a machine that lives lists the job. */
  isHeld(job: { readonly pool: string; readonly uid: string }, nowMs: number): boolean;
  /** The machines that live, in the order of their ids. Those that have been dead for a minute are forgotten. */
  alive(nowMs: number): readonly LiveNode[];
  /** Number of machines that are dead without having said that they leave, and are not forgotten. */
  lost(nowMs: number): number;
}

/** A machine that has been heard. */
interface KnownNode extends LiveNode {
  /** When it has said that. */
  readonly heardMs: number;
  /** The jobs that it holds, by pool. */
  readonly held: ReadonlyMap<string, ReadonlySet<string>>;
}

/** How long a dead machine is remembered. */
const memoryMs = 60_000;

/** Makes an empty group. `timeoutMs`: silence after which a machine counts as dead. */
export function createNodes(timeoutMs: number): Nodes {
  const nodes = new Map<string, KnownNode>();
  /** When each machine has last said or asked something. */
  const signs = new Map<string, number>();
  let reconnectedMs = -Infinity;

  /** When a machine dies, or has died, if nothing more is heard of it. */
  function endMs(node: string): number {
    const known = nodes.get(node);
    if (known?.beat.state === "gone") return known.heardMs;
    return Math.max(signs.get(node) ?? -Infinity, reconnectedMs) + timeoutMs;
  }

  const isAlive = (node: string, nowMs: number) => nowMs < endMs(node);

  return {
    heard(beat, nowMs) {
      const pools = Object.entries(beat.pools);
      nodes.set(beat.node, {
        beat,
        heardMs: nowMs,
        sinceMs: nodes.get(beat.node)?.sinceMs ?? nowMs,
        held: new Map(pools.map(([pool, { held }]) => [pool, new Set(held)])),
      });
      signs.set(beat.node, nowMs);
    },
    seen(node, nowMs) {
      signs.set(node, nowMs);
    },
    reconnected(nowMs) {
      reconnectedMs = nowMs;
    },
    isAlive,
    denies(node, job, sinceMs) {
      const known = nodes.get(node);
      return known !== undefined && known.heardMs > Math.max(sinceMs, reconnectedMs) &&
        !lists(known, job);
    },
    hasLeft: (node) => nodes.get(node)?.beat.state === "gone",
    isKnown: (node) => nodes.has(node),
    heardSince: (node, sinceMs) => (signs.get(node) ?? -Infinity) > sinceMs,
    nameOf: (node) => nodes.get(node)?.beat.name ?? node,
    isHeld: (job, nowMs) =>
      nodes.values().some((known) => lists(known, job) && isAlive(known.beat.node, nowMs)),
    alive(nowMs) {
      for (const node of signs.keys()) {
        if (nowMs < endMs(node) + memoryMs) continue;
        nodes.delete(node);
        signs.delete(node);
      }
      return [...nodes.values()]
        .filter(({ beat }) => isAlive(beat.node, nowMs))
        .sort((one, other) => one.beat.node < other.beat.node ? -1 : 1)
        .map(({ beat, sinceMs }) => ({ beat, sinceMs }));
    },
    lost: (nowMs) =>
      nodes.values().filter(({ beat: { node, state } }) =>
        state !== "gone" && !isAlive(node, nowMs)
      ).toArray().length,
  };
}

function lists(
  { held }: KnownNode,
  { pool, uid }: { readonly pool: string; readonly uid: string },
) {
  return held.get(pool)?.has(uid) ?? false;
}

/** What a machine says of a pool that has two queues, since one of them is ending; the second one has the commands. */
export function joined(one: PoolBeat, other: PoolBeat): PoolBeat {
  return {
    workers: one.workers + other.workers,
    places: one.places + other.places,
    busy: one.busy + other.busy,
    waiting: one.waiting + other.waiting,
    meanRunSec: Math.max(one.meanRunSec, other.meanRunSec),
    held: [...one.held, ...other.held],
    commands: other.commands,
  };
}

/** How many unfinished jobs a pool may have: the workers and places of all these machines; those that are leaving bring none. */
export function limitOf(pool: string, nodes: readonly Beat[]): number {
  return sum(poolsOf(pool, nodes), ({ workers, places }) => workers + places);
}

/** The machine that looks after the limit of a pool: the one with the lowest id among those that have it and are not leaving. */
export function keeperOf(pool: string, nodes: readonly Beat[]): string | undefined {
  return nodes.filter((beat) => poolOf(pool, beat)).map(({ node }) => node).sort()[0];
}

/**
 * Whole seconds, at least 1, after which a refused client should retry: when the next job that is put into the queue can be
 * expected to have a worker. That is the mean run time × (jobs that wait + 1) ÷ workers. Each worker has the mean run time of its
 * machine; machines that have not measured one do not count in the mean.
 */
export function retryAfterSec(pools: readonly PoolBeat[]): number {
  const workers = sum(pools, ({ workers }) => workers);
  const measured = pools.filter(({ workers, meanRunSec }) => workers > 0 && meanRunSec > 0);
  if (measured.length === 0) return 1;
  const meanRunSec = sum(measured, ({ workers, meanRunSec }) => workers * meanRunSec) /
    sum(measured, ({ workers }) => workers);
  return Math.max(1, Math.ceil(meanRunSec * (sum(pools, ({ waiting }) => waiting) + 1) / workers));
}

/**
 * The names of the commands of a pool that have another text on another machine than on this one, in their order. A command that
 * only one of them has is no difference.
 */
export function differing(
  pool: string,
  own: Pick<PoolBeat, "commands">,
  others: readonly Beat[],
): readonly string[] {
  const commands = poolsOf(pool, others).map(({ commands }) => commands);
  return Object.entries(own.commands)
    .filter(([name, digest]) =>
      commands.some((other) => Object.hasOwn(other, name) && other[name] !== digest)
    )
    .map(([name]) => name)
    .sort();
}

/** What a machine says of a pool; undefined if it does not have it, or is leaving. */
function poolOf(pool: string, { state, pools }: Beat): PoolBeat | undefined {
  return state !== "gone" && Object.hasOwn(pools, pool) ? pools[pool] : undefined;
}

/** What machines say of a pool: those that have it and are not leaving. */
export function poolsOf(pool: string, nodes: readonly Beat[]): readonly PoolBeat[] {
  return nodes.map((beat) => poolOf(pool, beat)).filter((found) => found !== undefined);
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((total, value) => total + of(value), 0);
}
