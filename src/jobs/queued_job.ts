/**
 * A place from its reservation on, and the job in it until its outcome: the part of a queue in this process that does not depend
 * on the order in which jobs are taken.
 *
 * @module
 */

import type { JobHandle, JobOutcome, JobSpec, LeaveCause } from "./job.ts";
import type { Lease, Place } from "./line.ts";
import { createStop, type Stop } from "./stop.ts";

/** The queue of a job, as the job needs it. */
export interface JobQueue {
  /** Called by a job that waits from now on. Returns a function that takes it out of the queue. */
  enter(job: QueuedJob, where: "behind" | "before"): () => void;
  /** Called when a place is filled, or given back empty. */
  reservationEnded(job: QueuedJob): void;
  /** The place of a job among those that wait; 0 if it does not. */
  positionOf(job: QueuedJob): number;
  /** Whole seconds, at least 1, after which a client whose job leaves now should retry. */
  retryAfterSec(): number;
  /** Called when a job is over, after `ranMs` milliseconds with a worker if it had one. */
  finished(job: QueuedJob, ranMs?: number): void;
}

const nothing = () => {};

/** Reserved: not filled yet; running: a worker has begun with it. */
export type JobState = "reserved" | "waiting" | "running" | "over";

/** A job, as the module's docstring describes it. A class, because there is one for every job. */
export class QueuedJob implements Place, Lease, EventListenerObject {
  readonly reserved = true;
  readonly stop: Stop = createStop();
  /** Whether its body was still to arrive when the place was reserved. */
  readonly arriving: boolean;
  spec!: JobSpec;
  handle: JobHandle | undefined;
  queuedSec = 0;
  pid: number | undefined;
  readonly #queue: JobQueue;
  readonly #now: () => number;
  readonly #signal: AbortSignal | undefined;
  readonly #outcome = Promise.withResolvers<JobOutcome>();
  #state: JobState = "reserved";
  #clientGone = false;
  #filledAt = 0;
  #begunAt = 0;
  #leaveQueue = nothing;

  /** Reserves a place for a job to come. `now` is a monotonic clock in milliseconds; `signal` aborts when the client disconnects. */
  constructor(
    queue: JobQueue,
    now: () => number,
    signal: AbortSignal | undefined,
    arriving: boolean,
  ) {
    this.#queue = queue;
    this.arriving = arriving;
    this.#now = now;
    this.#signal = signal;
  }

  /** Where it is in its life. */
  get state(): JobState {
    return this.#state;
  }

  /** Starts to watch for the client's disconnect. Called once the job is registered. */
  listen(): void {
    this.#signal?.addEventListener("abort", this);
    if (this.#signal?.aborted) this.leave();
  }

  /** Called by the signal when the client disconnects. */
  handleEvent(): void {
    this.leave();
  }

  fill(spec: JobSpec, handle?: JobHandle): Promise<JobOutcome> {
    if (this.spec) throw new Error("a place is filled once");
    this.spec = spec;
    this.handle = handle;
    this.#filledAt = this.#now();
    if (this.#state === "reserved") {
      this.#queue.reservationEnded(this);
      this.#wait("behind");
    }
    return this.#outcome.promise;
  }

  leave(): void {
    this.#clientGone = true;
    if (this.#state !== "running" || this.spec.onDisconnect === "cancel") this.end("canceled");
  }

  position(): number {
    return this.#queue.positionOf(this);
  }

  /** Seconds since its place was filled. */
  waitedSec(): number {
    return (this.#now() - this.#filledAt) / 1000;
  }

  /** Called when a worker takes the job; false if the job has left. */
  begin(): boolean {
    if (this.#state !== "waiting") return false;
    this.#state = "running";
    this.#leaveQueue();
    this.#begunAt = this.#now();
    this.queuedSec = (this.#begunAt - this.#filledAt) / 1000;
    return true;
  }

  settle(outcome: JobOutcome): void {
    if (this.#state === "running") this.#over(outcome, this.#now() - this.#begunAt);
  }

  release(): void {
    if (this.#state !== "running") return;
    const cause = this.stop.cause ?? (this.#clientGone ? "canceled" : undefined);
    if (cause && cause !== "timed_out") this.#left(cause);
    else this.#wait("before");
  }

  /** Ends the run, or takes the job out of the queue if it does not run. */
  end(cause: Exclude<LeaveCause, "queue_full" | "queue_unavailable">): void {
    if (this.#state === "running") {
      if (cause !== "queue_timeout") this.stop.request(cause);
      return;
    }
    if (this.#state === "over") return;
    if (this.#state === "reserved") this.#queue.reservationEnded(this);
    this.#left(cause);
  }

  #wait(where: "behind" | "before"): void {
    this.#state = "waiting";
    this.#leaveQueue = this.#queue.enter(this, where);
  }

  #left(cause: LeaveCause): void {
    this.#leaveQueue();
    const queuedSec = this.spec ? this.waitedSec() : 0;
    this.#over({ kind: "left", cause, queuedSec, retryAfterSec: this.#queue.retryAfterSec() });
  }

  #over(outcome: JobOutcome, ranMs?: number): void {
    this.#state = "over";
    this.#signal?.removeEventListener("abort", this);
    this.#queue.finished(this, ranMs);
    this.#outcome.resolve(outcome);
  }
}
