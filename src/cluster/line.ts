/**
 * The queue of one pool that several machines share: a body of the line contract. Each machine brings its workers and its places;
 * the bound is on all unfinished jobs of all machines.
 *
 * It differs from a queue in memory in this: whether there is room is known only when a job enters, so a job may also leave with the
 * cause `queue_full` or `queue_unavailable`; positions and numbers count the jobs of this machine.
 *
 * @module
 */

import type {
  About,
  Cut,
  Lease,
  Line,
  LineSize,
  Place,
  Refusal,
  ResizableLine,
} from "../jobs/line.ts";
import { Executor } from "./executor.ts";
import { Front } from "./front.ts";
import type { Group } from "./group.ts";
import type { PoolHost } from "./host.ts";
import type { StreamNames } from "./link.ts";
import { type PoolBeat, poolsOf } from "./nodes.ts";

/** What a shared queue is made of. */
export interface ClusterLineParts {
  /** What it shares with the rest of the room. */
  readonly group: Group;
  /** Name of its pool. */
  readonly pool: string;
  /** A name that no other queue of this machine has or had: a token of subjects. */
  readonly name: string;
  /** Its stream. */
  readonly names: StreamNames;
  /** The pool. */
  readonly host: PoolHost;
  /** Called when what this machine says of the pool has changed. */
  readonly onChange: () => void;
}

/** See the module's head. */
export class ClusterLine implements ResizableLine {
  /** Name of its pool. */
  readonly pool: string;
  /** Its stream. */
  readonly names: StreamNames;
  /** The part that has the clients. */
  readonly front: Front;
  /** The part that has the workers. */
  readonly executor: Executor;
  readonly #parts: ClusterLineParts;
  #size: LineSize;
  #leaving = false;
  /** Whether the pool has commands; one that a reload has removed has none, but may have jobs. */
  #hasCommands = true;
  readonly #ended = Promise.withResolvers<void>();

  /** An open queue. */
  constructor(parts: ClusterLineParts, size: LineSize) {
    const { group, pool, name, names, host } = parts;
    this.pool = pool;
    this.names = names;
    this.#parts = parts;
    this.#size = size;
    this.front = new Front({
      group,
      pool,
      names,
      host,
      idleWorkers: () => this.executor.takers.idle,
      pools: () => this.#pools(),
      onOver: () => this.#update(),
    }, size);
    this.executor = new Executor({
      group,
      pool,
      name,
      names,
      host,
      front: this.front,
      othersTake: (command) => this.#othersTake([command]),
    });
  }

  get state(): Line["state"] {
    return this.front.closed ? "closed" : "open";
  }

  get waiting(): number {
    return this.front.waiting;
  }

  oldestWaitSec(): number {
    return this.front.oldestWaitSec();
  }

  retryAfterSec(): number {
    return this.front.retryAfterSec();
  }

  reserve(about: About, signal?: AbortSignal): Place | Refusal | Promise<Place | Refusal> {
    return this.front.reserve(about, signal);
  }

  take(stays?: () => boolean): Promise<Lease | undefined> {
    return this.executor.takers.take(stays);
  }

  recall(): void {
    this.executor.takers.recall();
  }

  resize(size: LineSize): void {
    this.#size = size;
    this.front.resize(size);
    this.#parts.onChange();
  }

  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  close(): void {
    this.front.close();
    this.#update();
  }

  cut(): Cut {
    const { running, waiting } = this.front.cut();
    const foreign = this.executor.cut();
    this.#update();
    return { running: running + foreign, waiting };
  }

  /** The machine is stopping: it takes jobs only if the others do not take those that wait here. */
  leave(): void {
    this.#leaving = true;
    this.#update();
  }

  #update(): void {
    this.executor.takers.pause(this.#leavesAll());
    if (!this.front.closed || this.front.unfinished > 0) return;
    this.executor.takers.end();
    this.#ended.resolve();
  }

  /** Whether no job is to be taken: the machine cannot run any, or is stopping and the others take those that wait here. */
  #leavesAll(): boolean {
    if (!this.#leaving && this.#hasCommands) return false;
    const wanted = this.front.wanted();
    if (wanted.length === 0 && !this.#hasCommands) return true;
    return this.#leaving && this.#othersTake(wanted);
  }

  /** Looks at what depends on the other machines, and at the commands. To be called twice a second. */
  look(): void {
    this.front.look();
    this.executor.look();
    this.#hasCommands = Object.keys(this.#parts.host.digests).length > 0;
    this.#update();
  }

  /** What this machine says of the pool. */
  beat(): PoolBeat {
    return { ...this.#figures(), held: this.executor.held, commands: this.#parts.host.digests };
  }

  #figures(): Omit<PoolBeat, "held" | "commands"> {
    const { busy, meanRunSec } = this.executor;
    const { workers, places } = this.#size;
    const isLeaving = this.#leaving || !this.#hasCommands;
    return {
      workers: isLeaving ? busy : workers,
      places: isLeaving || this.front.closed ? 0 : places,
      busy,
      waiting: this.front.waiting,
      meanRunSec,
    };
  }

  /** What the machines that live say of the pool. */
  #pools(): readonly PoolBeat[] {
    const { nodes, node, clock } = this.#parts.group;
    const others = nodes.alive(clock.now()).filter(({ beat }) => beat.node !== node);
    const own = { ...this.#figures(), held: [], commands: {} };
    return [own, ...poolsOf(this.pool, others.map(({ beat }) => beat))];
  }

  /** Whether there are machines that take jobs of this pool, and each of these commands is had by one of them. */
  #othersTake(commands: readonly string[]): boolean {
    const { nodes, node, clock } = this.#parts.group;
    const others = nodes.alive(clock.now()).map(({ beat }) => beat)
      .filter((beat) => beat.node !== node && beat.state === "up");
    const pools = poolsOf(this.pool, others).filter(({ workers }) => workers > 0);
    return pools.length > 0 &&
      commands.every((name) => pools.some((pool) => Object.hasOwn(pool.commands, name)));
  }
}
