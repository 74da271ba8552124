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
  /** A machine has asked something, so it lives. No effect if it has never been heard. */
  seen(node: string, nowMs: number): void;
  /** This machine is connected again: what was not heard meanwhile says nothing. */
  reconnected(nowMs: number): void;
  /**
   * Whether a machine lives: it has been heard or seen within the timeout, and has not said that it is leaving. For a timeout after a
   * reconnection every machine lives that has not said that.
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
  /** Whether a machine that lives lists the job. */
  isHeld(job: { readonly pool: string; readonly uid: string }, nowMs: number): boolean;
  /** The machines that live, in the order of their ids. Those that have been dead for a minute are forgotten. */
  alive(nowMs: number): readonly LiveNode[];
}

/** Makes an empty group. `timeoutMs`: silence after which a machine counts as dead. */
export declare function createNodes(timeoutMs: number): Nodes;

/** How many unfinished jobs a pool may have: the workers and places of all these machines. */
export declare function limitOf(pool: string, nodes: readonly Beat[]): number;

/** The machine that looks after the limit of a pool: the one with the lowest id among those that have it and are not leaving. */
export declare function keeperOf(pool: string, nodes: readonly Beat[]): string | undefined;

/** Whole seconds, at least 1, after which a refused client should retry: mean run time × jobs that wait ÷ workers. */
export declare function retryAfterSec(pool: string, nodes: readonly Beat[]): number;

/** The names of the commands of a pool that have another text on another machine than on this one. */
export declare function differing(
  pool: string,
  own: PoolBeat,
  others: readonly Beat[],
): readonly string[];
