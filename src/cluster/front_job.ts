/**
 * A job of a client of this machine in a shared queue, from its place to its outcome.
 *
 * @module
 */

import type { JobHandle, JobOutcome, JobSpec, LeaveCause } from "../jobs/job.ts";
import type { Lease, Place } from "../jobs/line.ts";
import { createStop, type Stop } from "../jobs/stop.ts";
import type { Grants } from "./grants.ts";
import type { PayloadSource } from "../spool/payload_source.ts";

/**
 * Where a job is: its place is reserved; it is on its way into the queue; it waits there; a machine may run it; its outcome is there
 * and its message is to leave the queue; over.
 */
export type FrontState = "reserved" | "entering" | "waiting" | "running" | "answering" | "over";

/** What a job needs from its front. */
export interface JobFront {
  /** The time in milliseconds. */
  now(): number;
  /** The job is filled, and wants to enter the queue. */
  enter(job: FrontJob): void;
  /** The job's client has left, it has waited too long, or the server stops. */
  end(job: FrontJob, cause: LeaveCause): void;
  /** A worker of this machine is done with the job. */
  settledHere(job: FrontJob, outcome: JobOutcome): void;
  /** A worker of this machine gives the job back. */
  releasedHere(job: FrontJob): void;
  /** Position of the job among those of this machine that wait; 0 unless it waits. */
  positionOf(job: FrontJob): number;
  /** The reservation has ended, by `fill` or because the place was given back. */
  reservationEnded(job: FrontJob): void;
}

/** What follows when a worker of this machine is done with a job. */
export interface LocalRun {
  /** Its message can leave the stream. */
  settled(): void;
  /** Its message can be offered again. */
  released(): void;
}

/** See the module's head. It is also the lease of a worker of this machine that runs it. */
export class FrontJob implements Place, Lease, EventListenerObject {
  readonly reserved = true;
  readonly stop: Stop = createStop();
  /** Whether its body was still to arrive when the place was reserved. */
  readonly arriving: boolean;
  /** Name of the client's token. */
  readonly client: string | undefined;
  /** Who may run it. */
  readonly grants: Grants;
  spec!: JobSpec;
  handle: JobHandle | undefined;
  pid: number | undefined;
  queuedSec = 0;
  /** Where it is. */
  state: FrontState = "reserved";
  /** Number of its message in the stream; undefined while it is not known to be there. */
  sequence: number | undefined;
  /** How often its message was published. */
  published = 0;
  /** Whether a worker of this machine runs it. */
  isHere = false;
  /** What follows when a worker of this machine is done with it. */
  localRun: (LocalRun & { readonly attempt: number }) | undefined;
  /** Its payload, open for other machines. */
  source: PayloadSource | undefined;
  /** Whether the server has confirmed that its message has left the stream. */
  acked = false;
  /** Numbers of bytes of live output that have come or are lost. */
  readonly received = { stdout: 0, stderr: 0 };
  /** Ends its queue timeout. */
  stopTimer = nothing;
  /** Called when `acked` is set. */
  onAcked = nothing;
  /** Whether its client has left. */
  clientGone = false;
  readonly #front: JobFront;
  readonly #signal: AbortSignal | undefined;
  readonly #outcome = Promise.withResolvers<JobOutcome>();
  readonly #entered = Promise.withResolvers<void>();
  #filledAt = 0;

  /** Reserves a place. `signal` aborts when the client disconnects. */
  constructor(
    front: JobFront,
    about: { readonly arriving: boolean; readonly client: string | undefined },
    grants: Grants,
    signal: AbortSignal | undefined,
  ) {
    this.#front = front;
    this.arriving = about.arriving;
    this.client = about.client;
    this.grants = grants;
    this.#signal = signal;
  }

  /** Resolves when it is in the queue for certain, or over. */
  get entered(): Promise<void> {
    return this.#entered.promise;
  }

  /** Starts to watch for the client's disconnect. */
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
    this.#filledAt = this.#front.now();
    if (this.state === "reserved") {
      this.#front.reservationEnded(this);
      this.state = "entering";
      this.#front.enter(this);
    }
    return this.#outcome.promise;
  }

  leave(): void {
    this.clientGone = true;
    const runs = this.state === "running" || this.state === "answering";
    if (!runs || this.spec.onDisconnect === "cancel") this.#front.end(this, "canceled");
  }

  position(): number {
    return this.#front.positionOf(this);
  }

  settle(outcome: JobOutcome): void {
    if (this.isHere && this.state === "running") this.#front.settledHere(this, outcome);
  }

  release(): void {
    if (this.isHere && this.state === "running") this.#front.releasedHere(this);
  }

  /** Seconds since its place was filled. */
  waitedSec(): number {
    return this.spec ? (this.#front.now() - this.#filledAt) / 1000 : 0;
  }

  /** It is in the queue, or over. */
  hasEntered(): void {
    this.#entered.resolve();
  }

  /** Ends its life with this outcome. */
  over(outcome: JobOutcome): void {
    this.state = "over";
    this.stopTimer();
    this.#signal?.removeEventListener("abort", this);
    this.#outcome.resolve(outcome);
    this.#entered.resolve();
  }
}

function nothing(): void {}
