/**
 * The queue in the memory of this process, first in, first out. Checking for room and taking the place happen in one
 * synchronous call.
 *
 * @module
 */

import { createChannel } from "../async/channel.ts";
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

/** A queue that gives its places synchronously. */
export interface MemoryLine extends ResizableLine {
  /** The same as `Line.reserve`, but synchronous. */
  reserve(about: About, signal?: AbortSignal): Place | Refusal;
}

/** Makes an open, empty queue. `now` is a monotonic clock in milliseconds. */
export function createMemoryLine(
  size: LineSize,
  now: () => number = () => performance.now(),
): MemoryLine {
  return new InMemory(size, now);
}

class InMemory implements MemoryLine, JobQueue {
  #workers: number;
  /** Maximum number of unfinished jobs; a queue that has become smaller may have more. */
  #bound: number;
  readonly #now: () => number;
  readonly #queueTimeouts: QueueTimeouts;
  readonly #runTimes = createRunTimes();
  readonly #channel = createChannel<QueuedJob>();
  /** In the order in which their places were reserved. */
  readonly #unfinished = new Set<QueuedJob>();
  /** Number of places that are reserved and not filled yet. */
  #reserved = 0;
  /** How many of them wait for a body that is still to arrive. */
  #arriving = 0;
  #mostArriving: number;
  #state: Line["state"] = "open";
  readonly #ended = Promise.withResolvers<void>();

  constructor({ workers, places, queueTimeoutMs }: LineSize, now: () => number) {
    this.#workers = workers;
    this.#bound = workers + places;
    this.#mostArriving = mostArriving({ workers, places });
    this.#now = now;
    this.#queueTimeouts = createQueueTimeouts(queueTimeoutMs, now);
  }

  get state(): Line["state"] {
    return this.#state;
  }

  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  get waiting(): number {
    return this.#channel.length + Math.max(0, this.#reserved - this.#channel.receivers);
  }

  oldestWaitSec(): number {
    return this.#channel.first?.waitedSec() ?? 0;
  }

  retryAfterSec(): number {
    return this.#runTimes.expectedWaitSec(this.waiting + 1, this.#workers);
  }

  reserve({ arriving = false }: About, signal?: AbortSignal): Place | Refusal {
    if (this.#state === "closed") return this.#refusal("draining");
    if (this.#unfinished.size >= this.#bound) return this.#refusal("queue_full");
    if (arriving && this.#arriving >= this.#mostArriving) return this.#refusal("uploads_full");
    const job = new QueuedJob(this, this.#now, signal, arriving);
    this.#unfinished.add(job);
    this.#reserved++;
    if (arriving) this.#arriving++;
    job.listen();
    return job;
  }

  take(stays?: () => boolean): Promise<Lease | undefined> {
    return this.#channel.receive(stays).then((job) =>
      // It may have left after the channel handed it over and before this worker runs it.
      !job || job.begin() ? job : this.take(stays)
    );
  }

  recall(): void {
    this.#channel.recall();
  }

  resize({ workers, places, queueTimeoutMs }: LineSize): void {
    this.#workers = workers;
    this.#bound = workers + places;
    this.#mostArriving = mostArriving({ workers, places });
    this.#queueTimeouts.change(queueTimeoutMs);
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

  enter(job: QueuedJob, where: "behind" | "before"): () => void {
    const leave = this.#channel.send(job, where);
    if (!leave) return nothing;
    const stopTimer = this.#queueTimeouts.start(() => job.end("queue_timeout"));
    return () => {
      stopTimer();
      leave();
    };
  }

  reservationEnded({ arriving }: QueuedJob): void {
    this.#reserved--;
    if (arriving) this.#arriving--;
  }

  positionOf(job: QueuedJob): number {
    return this.#channel.position(job);
  }

  finished(job: QueuedJob, ranMs?: number): void {
    if (ranMs !== undefined) this.#runTimes.add(ranMs);
    this.#unfinished.delete(job);
    this.#endIfEmpty();
  }

  /** Closes the channel when no job is left: until then, one may come back from its worker. */
  #endIfEmpty(): void {
    if (this.#state === "open" || this.#unfinished.size > 0) return;
    this.#channel.close();
    this.#queueTimeouts[Symbol.dispose]();
    this.#ended.resolve();
  }

  #refusal(cause: Refusal["cause"]): Refusal {
    return { reserved: false, cause, waiting: this.waiting, retryAfterSec: this.retryAfterSec() };
  }
}

const nothing = () => {};
