/**
 * The queue in the memory of this process, first in, first out. Checking for room and taking the place happen in one
 * synchronous call.
 *
 * @module
 */

import { createChannel } from "../async/channel.ts";
import { createDeadlines, type OwnDeadlines } from "../async/deadlines.ts";
import type { JobHandle, JobOutcome, JobSpec, LeaveCause } from "./job.ts";
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
import { createRunTimes } from "./run_times.ts";
import { createStop } from "./stop.ts";

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

class InMemory implements MemoryLine {
  #workers: number;
  /** Maximum number of unfinished jobs; a queue that has become smaller may have more. */
  #bound: number;
  readonly #now: () => number;
  #queueTimeouts: OwnDeadlines;
  /** Queue timeouts of another length, which hold for jobs that began to wait before the queue was resized. */
  readonly #earlierTimeouts = new Set<OwnDeadlines>();
  readonly #runTimes = createRunTimes();
  readonly #channel = createChannel<Job>();
  /** In the order in which their places were reserved. */
  readonly #unfinished = new Set<Job>();
  /** Number of places that are reserved and not filled yet. */
  #reserved = 0;
  /** How many of them wait for a body that is still to arrive. */
  #arriving = 0;
  #mostArriving: number;
  #state: Line["state"] = "open";

  constructor({ workers, places, queueTimeoutMs }: LineSize, now: () => number) {
    this.#workers = workers;
    this.#bound = workers + places;
    this.#mostArriving = mostArriving({ workers, places });
    this.#now = now;
    this.#queueTimeouts = createDeadlines(queueTimeoutMs, now);
  }

  get state(): Line["state"] {
    return this.#state;
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
    const job = new Job(this, this.#now, signal, arriving);
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
    if (queueTimeoutMs === this.#queueTimeouts.ms) return;
    this.#earlierTimeouts.add(this.#queueTimeouts);
    for (const timeouts of this.#earlierTimeouts) {
      if (timeouts.waiting === 0) this.#drop(timeouts);
    }
    this.#queueTimeouts = createDeadlines(queueTimeoutMs, this.#now);
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

  /** Called by a job that waits from now on. Returns a function that takes it out of the queue. */
  enter(job: Job, where: "behind" | "before"): () => void {
    const leave = this.#channel.send(job, where);
    if (!leave) return nothing;
    const stopTimer = this.#queueTimeouts.start(() => job.end("queue_timeout"));
    return () => {
      stopTimer();
      leave();
    };
  }

  /** Called when a place is filled, or given back empty. */
  reservationEnded({ arriving }: Job): void {
    this.#reserved--;
    if (arriving) this.#arriving--;
  }

  /** The place of a job among those that wait; 0 if it does not. */
  positionOf(job: Job): number {
    return this.#channel.position(job);
  }

  /** Called when a job is over, after `ranMs` milliseconds with a worker if it had one. */
  finished(job: Job, ranMs?: number): void {
    if (ranMs !== undefined) this.#runTimes.add(ranMs);
    this.#unfinished.delete(job);
    this.#endIfEmpty();
  }

  /** Closes the channel when no job is left: until then, one may come back from its worker. */
  #endIfEmpty(): void {
    if (this.#state === "open" || this.#unfinished.size > 0) return;
    this.#channel.close();
    for (const timeouts of this.#earlierTimeouts) this.#drop(timeouts);
    this.#queueTimeouts[Symbol.dispose]();
  }

  #drop(earlierTimeouts: OwnDeadlines): void {
    earlierTimeouts[Symbol.dispose]();
    this.#earlierTimeouts.delete(earlierTimeouts);
  }

  #refusal(cause: Refusal["cause"]): Refusal {
    return { reserved: false, cause, waiting: this.waiting, retryAfterSec: this.retryAfterSec() };
  }
}

const nothing = () => {};

type JobState = "reserved" | "waiting" | "running" | "over";

/** A place from its reservation on, and the job in it until its outcome. A class, because there is one for every job. */
class Job implements Place, Lease, EventListenerObject {
  readonly reserved = true;
  readonly stop = createStop();
  /** Whether its body was still to arrive when the place was reserved. */
  readonly arriving: boolean;
  spec!: JobSpec;
  handle: JobHandle | undefined;
  queuedSec = 0;
  pid: number | undefined;
  readonly #line: InMemory;
  readonly #now: () => number;
  readonly #signal: AbortSignal | undefined;
  readonly #outcome = Promise.withResolvers<JobOutcome>();
  #state: JobState = "reserved";
  #clientGone = false;
  #filledAt = 0;
  #begunAt = 0;
  #leaveLine = nothing;

  constructor(
    line: InMemory,
    now: () => number,
    signal: AbortSignal | undefined,
    arriving: boolean,
  ) {
    this.#line = line;
    this.arriving = arriving;
    this.#now = now;
    this.#signal = signal;
  }

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
      this.#line.reservationEnded(this);
      this.#wait("behind");
    }
    return this.#outcome.promise;
  }

  leave(): void {
    this.#clientGone = true;
    if (this.#state !== "running" || this.spec.onDisconnect === "cancel") this.end("canceled");
  }

  position(): number {
    return this.#line.positionOf(this);
  }

  waitedSec(): number {
    return (this.#now() - this.#filledAt) / 1000;
  }

  /** Called when a worker takes the job; false if the job has left. */
  begin(): boolean {
    if (this.#state !== "waiting") return false;
    this.#state = "running";
    this.#leaveLine();
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
  end(cause: LeaveCause): void {
    if (this.#state === "running") {
      if (cause !== "queue_timeout") this.stop.request(cause);
      return;
    }
    if (this.#state === "over") return;
    if (this.#state === "reserved") this.#line.reservationEnded(this);
    this.#left(cause);
  }

  #wait(where: "behind" | "before"): void {
    this.#state = "waiting";
    this.#leaveLine = this.#line.enter(this, where);
  }

  #left(cause: LeaveCause): void {
    this.#leaveLine();
    const queuedSec = this.spec ? this.waitedSec() : 0;
    this.#over({ kind: "left", cause, queuedSec, retryAfterSec: this.#line.retryAfterSec() });
  }

  #over(outcome: JobOutcome, ranMs?: number): void {
    this.#state = "over";
    this.#signal?.removeEventListener("abort", this);
    this.#line.finished(this, ranMs);
    this.#outcome.resolve(outcome);
  }
}
