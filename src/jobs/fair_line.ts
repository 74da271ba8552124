/**
 * A fair queue in the memory of this process: each client has a lane, first in, first out.
 *
 * - **Order**: a free worker takes from the lane with the fewest running jobs; of several, from the one that was served longest
 *   ago; of those that were never served, from the one that has waited longest. A lane in which as many jobs run as may is left
 *   out. Therefore, the first job of a lane waits no longer than the longest run × the number of lanes.
 * - **Own place**: each lane has one place to wait in for itself. A lane in which no job waits and no place is reserved always
 *   gets a place, whatever the others do, unless its limit of waiting jobs is 0.
 * - **Bound**: all other places are shared, as many as workers plus places to wait in. Every job takes a shared place, except
 *   one pending job of each lane. So at most workers + places + lanes jobs are unfinished, and at most places + lanes wait. A
 *   queue that has shrunk may have more for a while.
 * - **Jobs that could not begin at once** (their lane has as many running ones as may be, or their body is still to arrive) take
 *   only places to wait in, so that they never keep a worker idle. Without places to wait in, bodies may hold up to half of the
 *   workers, rounded down.
 * - Clients without a lane in the size share one that has neither an own place nor limits. A client that loses its lane keeps it,
 *   with its limits and without the own place, until its jobs are over.
 *
 * To find the next lane costs time in proportion to the number of lanes in which jobs wait, everything else a constant time.
 *
 * @module
 */

import { Fifo } from "../async/fifo.ts";
import { Lane, LaneSums } from "./lane.ts";
import {
  type About,
  type Cut,
  type Lease,
  type Line,
  type LineSize,
  mostArriving,
  type Place,
  type Refusal,
  type ResizableLine,
} from "./line.ts";
import { createQueueTimeouts, type QueueTimeouts } from "./queue_timeouts.ts";
import { type JobQueue, type JobState, QueuedJob } from "./queued_job.ts";
import { createRunTimes } from "./run_times.ts";

/** A fair queue. It gives its places synchronously. */
export interface FairLine extends ResizableLine {
  /** The same as `Line.reserve`, but synchronous. */
  reserve(about: About, signal?: AbortSignal): Place | Refusal;
}

/** How many jobs may wait in a fair queue of this size, while its workers are busy: its places, and one for each lane. */
export function mostWaiting({ places, lanes }: Pick<LineSize, "places" | "lanes">): number {
  return places + (lanes?.size ?? 0);
}

/** Makes an open, empty queue. `now` is a monotonic clock in milliseconds. */
export function createFairLine(
  size: LineSize,
  now: () => number = () => performance.now(),
): FairLine {
  return new Fair(size, now);
}

interface WaitingWorker {
  readonly resolve: (job: QueuedJob | undefined) => void;
  readonly stays: () => boolean;
}

class Fair implements FairLine {
  #workers = 0;
  #places = 0;
  readonly #now: () => number;
  readonly #queueTimeouts: QueueTimeouts;
  readonly #runTimes = createRunTimes();
  /** By the client's name; one whose client is gone stays until its jobs are over. */
  readonly #lanes = new Map<string, Lane>();
  /** The lane of all other clients. */
  readonly #others = new Lane(undefined, (lane) => this.#queueOf(lane));
  readonly #sums = new LaneSums();
  /** Lanes in which jobs wait, in the order in which that began. */
  readonly #waitingLanes = new Set<Lane>();
  /** Workers that wait for a job. */
  readonly #idle = new Fifo<WaitingWorker>();
  /** In the order in which their places were reserved. */
  readonly #unfinished = new Set<QueuedJob>();
  /** Number of jobs that workers have got. */
  #served = 0;
  #state: Line["state"] = "open";
  /** Whether it is closed and no job is left. */
  #isOver = false;
  readonly #ended = Promise.withResolvers<void>();
  /** Whether `#serve` is about to be called. */
  #servesSoon = false;

  constructor(size: LineSize, now: () => number) {
    this.#now = now;
    this.#queueTimeouts = createQueueTimeouts(size.queueTimeoutMs, now);
    this.resize(size);
  }

  get state(): Line["state"] {
    return this.#state;
  }

  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  get waiting(): number {
    return this.#sums.pending - Math.min(this.#sums.ready, this.#idle.size);
  }

  oldestWaitSec(): number {
    let oldest = 0;
    for (const { waiting } of this.#waitingLanes) {
      oldest = Math.max(oldest, waiting.first?.waitedSec() ?? 0);
    }
    return oldest;
  }

  retryAfterSec(): number {
    return this.#runTimes.expectedWaitSec(this.waiting + 1, this.#workers);
  }

  reserve({ client, arriving = false }: About, signal?: AbortSignal): Place | Refusal {
    const lane = (client === undefined ? undefined : this.#lanes.get(client)) ?? this.#others;
    const cause = this.#causeAgainst(lane, arriving);
    if (cause) {
      const retryAfterSec = this.#retryAfterSecIn(lane);
      return { reserved: false, cause, waiting: this.waiting, retryAfterSec };
    }
    const job = new QueuedJob(lane.queue, this.#now, signal, arriving);
    this.#unfinished.add(job);
    this.#change(lane, () => {
      lane.unfinished++;
      lane.reserved++;
      if (arriving) lane.arriving++;
    });
    job.listen();
    return job;
  }

  take(stays: () => boolean = always): Promise<Lease | undefined> {
    if (!stays() || this.#isOver) return Promise.resolve(undefined);
    const { promise, resolve } = Promise.withResolvers<QueuedJob | undefined>();
    this.#idle.push({ resolve, stays });
    this.#serveSoon();
    return promise.then((job) =>
      // It may have left after it was handed over and before this worker runs it.
      !job || job.begin() ? job : this.take(stays)
    );
  }

  recall(): void {
    for (const { resolve } of this.#idle.removeAll(({ stays }) => !stays())) {
      resolve(undefined);
    }
  }

  resize({ workers, places, queueTimeoutMs, lanes = new Map() }: LineSize): void {
    this.#workers = workers;
    this.#places = places;
    this.#queueTimeouts.change(queueTimeoutMs);
    for (const [client, lane] of this.#lanes) {
      if (lanes.has(client)) continue;
      this.#change(lane, () => void (lane.own = 0));
      this.#forgetIfGone(lane);
    }
    for (const [client, limits] of lanes) {
      const lane = this.#lanes.get(client) ?? new Lane(client, (lane) => this.#queueOf(lane));
      this.#lanes.set(client, lane);
      this.#change(lane, () => lane.open(limits));
    }
    this.#serve();
  }

  close(): void {
    this.#state = "closed";
    this.#endIfEmpty();
  }

  cut(): Cut {
    const jobs = [...this.#unfinished];
    const inState = (state: JobState) => jobs.filter((job) => job.state === state).length;
    const cut = { running: inState("running"), waiting: inState("waiting") };
    for (const job of jobs) job.end("shutdown");
    this.close();
    return cut;
  }

  #queueOf(lane: Lane): JobQueue {
    return {
      enter: (job, where) => this.#enter(lane, job, where),
      reservationEnded: ({ arriving }) =>
        this.#change(lane, () => {
          lane.reserved--;
          if (arriving) lane.arriving--;
        }),
      positionOf: (job) => lane.waiting.positionOf(job),
      retryAfterSec: () => this.#retryAfterSecIn(lane),
      finished: (job, ranMs) => this.#finished(lane, job, ranMs),
    };
  }

  /** Why a job gets no place in this lane now; undefined if it gets one. */
  #causeAgainst(lane: Lane, arriving: boolean): Refusal["cause"] | undefined {
    if (this.#state === "closed") return "draining";
    if (this.#waitingIn(lane, lane.pending + 1) > lane.maxWaiting) return "client_limit";
    const { pending, allowance, own } = lane;
    if (pending < own) return undefined;
    const [workers, places, sums] = [this.#workers, this.#places, this.#sums];
    if (sums.shared >= workers + places) return "queue_full";
    // Without places to wait in, a worker must be there for the job as soon as its body is.
    if (places === 0 && pending >= allowance + own) return "queue_full";
    if (arriving && lane.arriving >= own) {
      if (sums.sharedArriving >= mostArriving({ workers, places })) return "uploads_full";
    }
    const unready = arriving || pending - lane.arriving >= allowance;
    if (!unready || lane.unready < own) return undefined;
    if (places > 0) return sums.sharedUnready < places ? undefined : "queue_full";
    return sums.sharedUnready < Math.floor(workers / 2) ? undefined : "uploads_full";
  }

  /** How many of so many pending jobs of a lane wait: those that could not begin at once. */
  #waitingIn(lane: Lane, pending: number): number {
    return Math.max(0, pending - Math.min(lane.allowance, this.#idle.size));
  }

  /** As if the lanes that have jobs had equal shares of the workers. */
  #retryAfterSecIn(lane: Lane): number {
    const active = this.#sums.active + (lane.unfinished > 0 ? 0 : 1);
    const workers = Math.min(lane.maxRunning, this.#workers / active);
    return this.#runTimes.expectedWaitSec(this.#waitingIn(lane, lane.pending) + 1, workers);
  }

  #enter(lane: Lane, job: QueuedJob, where: "behind" | "before"): () => void {
    const { waiting } = lane;
    this.#sums.count(lane, -1);
    const node = where === "behind" ? waiting.push(job) : waiting.unshift(job);
    this.#sums.count(lane, 1);
    this.#waitingLanes.add(lane);
    this.#serve();
    if (!node.linked) return nothing;
    const stopTimer = this.#queueTimeouts.start(() => job.end("queue_timeout"));
    return () => {
      stopTimer();
      if (node.linked) this.#change(lane, () => lane.waiting.remove(node));
      if (lane.waiting.size === 0) this.#waitingLanes.delete(lane);
    };
  }

  #finished(lane: Lane, job: QueuedJob, ranMs: number | undefined): void {
    if (ranMs !== undefined) this.#runTimes.add(ranMs);
    this.#unfinished.delete(job);
    this.#change(lane, () => void lane.unfinished--);
    this.#forgetIfGone(lane);
    this.#serve();
    this.#endIfEmpty();
  }

  /**
   * Serves when the caller has returned: a worker asks for its next job before it settles the current one, which counts as running
   * in its lane until then.
   */
  #serveSoon(): void {
    if (this.#servesSoon) return;
    this.#servesSoon = true;
    queueMicrotask(() => {
      this.#servesSoon = false;
      this.#serve();
    });
  }

  /** Hands over jobs as long as a worker waits for one and a lane may be served. */
  #serve(): void {
    while (this.#idle.size > 0) {
      const lane = this.#nextLane();
      if (!lane) return;
      this.#sums.count(lane, -1);
      const job = lane.waiting.shift();
      this.#sums.count(lane, 1);
      if (lane.waiting.size === 0) this.#waitingLanes.delete(lane);
      lane.servedAt = ++this.#served;
      this.#idle.shift()?.resolve(job);
    }
  }

  #nextLane(): Lane | undefined {
    let next: Lane | undefined;
    let fewest = Infinity;
    for (const lane of this.#waitingLanes) {
      const { running } = lane;
      if (running > fewest || !this.#mayBegin(lane)) continue;
      if (running === fewest && next && lane.servedAt >= next.servedAt) continue;
      next = lane;
      fewest = running;
    }
    return next;
  }

  /**
   * Whether the first job of a lane may begin. One in the own place then takes a shared place: if none is left, as many idle workers
   * are kept as there are jobs in shared places that could begin.
   */
  #mayBegin(lane: Lane): boolean {
    if (lane.allowance === 0) return false;
    if (lane.pending > lane.own || this.#sums.shared < this.#workers + this.#places) return true;
    return this.#sums.sharedReady < this.#idle.size;
  }

  #change(lane: Lane, change: () => void): void {
    this.#sums.count(lane, -1);
    change();
    this.#sums.count(lane, 1);
  }

  #forgetIfGone({ client, own, unfinished }: Lane): void {
    if (client !== undefined && own === 0 && unfinished === 0) this.#lanes.delete(client);
  }

  /** Lets the workers go when no job is left: until then, one may come back from its worker. */
  #endIfEmpty(): void {
    if (this.#state === "open" || this.#unfinished.size > 0) return;
    this.#isOver = true;
    for (const { resolve } of this.#idle.removeAll(always)) resolve(undefined);
    this.#queueTimeouts[Symbol.dispose]();
    this.#ended.resolve();
  }
}

const nothing = () => {};

const always = () => true;
