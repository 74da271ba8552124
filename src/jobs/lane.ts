/**
 * The jobs of one client in a fair queue: their order, and how much of the queue's places they take.
 *
 * @module
 */

import { Fifo } from "../async/fifo.ts";
import type { LaneLimits } from "./line.ts";
import type { JobQueue, QueuedJob } from "./queued_job.ts";

/** A lane. Its jobs are **pending** (their places are reserved, or they wait) until a worker gets them; then they run. */
export class Lane {
  /** Name of its client; undefined if it is the lane of all clients that have none. */
  readonly client: string | undefined;
  /** The queue as its jobs see it. */
  readonly queue: JobQueue;
  /** Places to wait in that only this lane may take: 1, or 0 for clients without a lane of their own. */
  own = 0;
  /** How many of its jobs may run. */
  maxRunning: number = Infinity;
  /** How many of its jobs may wait. */
  maxWaiting: number = Infinity;
  /** Its jobs that are not over. */
  unfinished = 0;
  /** Its places that are reserved and not filled yet. */
  reserved = 0;
  /** How many of them wait for a body that is still to arrive. */
  arriving = 0;
  /** Its jobs that wait, in the order in which they are taken. */
  readonly waiting: Fifo<QueuedJob> = new Fifo();
  /** The number of the last job of the queue that came from this lane; 0 if none did. */
  servedAt = 0;

  /** Makes an empty lane without an own place and without limits. */
  constructor(client: string | undefined, queueOf: (lane: Lane) => JobQueue) {
    this.client = client;
    this.queue = queueOf(this);
  }

  /** Gives it an own place and these limits. */
  open({ maxRunning = Infinity, maxWaiting = Infinity }: LaneLimits): void {
    this.own = 1;
    this.maxRunning = maxRunning;
    this.maxWaiting = maxWaiting;
  }

  /** Its jobs for which a worker is still to be found. */
  get pending(): number {
    return this.reserved + this.waiting.size;
  }

  /** Its jobs that workers have got. */
  get running(): number {
    return this.unfinished - this.pending;
  }

  /** How many more of its jobs may run now. */
  get allowance(): number {
    return Math.max(0, this.maxRunning - this.running);
  }

  /** Its pending jobs that could not begin at once even if a worker were idle: a body is missing, or as many run as may. */
  get unready(): number {
    return this.arriving + Math.max(0, this.pending - this.arriving - this.allowance);
  }

  /** The shared places that it takes: for its running jobs, and for its pending ones beyond the own place. */
  get shared(): number {
    return this.running + this.sharedPending;
  }

  /** How many of the shared places it takes for pending jobs. */
  get sharedPending(): number {
    return Math.max(0, this.pending - this.own);
  }

  /** How many of these could run at once as far as its limits go. */
  get sharedReady(): number {
    return Math.min(this.sharedPending, this.allowance);
  }

  /** How many of the shared places it takes for jobs that could not begin at once. */
  get sharedUnready(): number {
    return Math.max(0, this.unready - this.own);
  }

  /** How many of the shared places it takes for bodies that are still to arrive. */
  get sharedArriving(): number {
    return Math.max(0, this.arriving - this.own);
  }

  /** Its reserved places whose jobs could begin if enough workers are idle. */
  get ready(): number {
    return Math.min(this.reserved, this.allowance);
  }
}

/** The sums of all lanes of a queue. */
export class LaneSums {
  /** Lanes that have jobs. */
  active = 0;
  /** See `Lane`; so are the following ones. */
  pending = 0;
  /** Reserved places whose jobs could begin. */
  ready = 0;
  /** Shared places that are taken. */
  shared = 0;
  /** Those of jobs that could run at once as far as their lanes' limits go. */
  sharedReady = 0;
  /** Those of jobs that could not begin at once. */
  sharedUnready = 0;
  /** Those of bodies that are still to arrive. */
  sharedArriving = 0;

  /** Adds a lane's numbers (1), or takes them away (-1): to be done before and after they change. */
  count(lane: Lane, sign: 1 | -1): void {
    if (lane.unfinished > 0) this.active += sign;
    this.pending += sign * lane.pending;
    this.ready += sign * lane.ready;
    this.shared += sign * lane.shared;
    this.sharedReady += sign * lane.sharedReady;
    this.sharedUnready += sign * lane.sharedUnready;
    this.sharedArriving += sign * lane.sharedArriving;
  }
}
