/**
 * A job of a client of this machine in a shared queue, from its place to its outcome.
 *
 * @module
 */

import type { JobHandle, JobOutcome, JobSpec, LeaveCause } from "../jobs/job.ts";
import type { Lease, Place } from "../jobs/line.ts";
import { createStop, type Stop } from "../jobs/stop.ts";
import type { PayloadSource } from "../spool/payload_source.ts";
import type { Grants } from "./grants.ts";
import type { Cancel } from "./messages.ts";

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

/** The delivery of a job to a worker of this machine, and what follows when that is done with it. */
export interface LocalRun {
  /** How often the message of the job was offered, this time included. */
  readonly attempt: number;
  /** Its message can leave the stream. */
  settled(): void;
  /** Its message can be offered again. */
  released(): void;
}

/** See the module's head. It is also the lease of a worker of this machine that runs it. */
export class FrontJob implements Place, Lease, EventListenerObject {
  readonly reserved = true;
  /** Why its run is to end, on whichever machine. */
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
  /** How many messages it is known to have had. */
  published = 0;
  /** Its run by a worker of this machine; undefined if there is none. */
  localRun: LocalRun | undefined;
  /** Its payload, open for other machines. */
  source: PayloadSource | undefined;
  /** Settles when a result that has come is taken, or is not. */
  taking: Promise<unknown> | undefined;
  /** The machine whose result was taken. */
  takenFrom: string | undefined;
  /** Disk space in bytes that its request holds for a result which could not be taken. */
  spareDisk = 0;
  /** Whether the server has confirmed that its message has left the stream. */
  acked = false;
  /** Numbers of bytes of live output that have come or are lost, of the run that counts. */
  received = { stdout: 0, stderr: 0 };
  /** What is left of its queue timeout, in milliseconds; undefined before it has begun. */
  mayWaitMs: number | undefined;
  /** Ends its queue timeout, which can go on later. */
  stopTimer: () => void = nothing;
  /** Called when `acked` is set. */
  onAcked: () => void = nothing;
  #clientGone = false;
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

  /** Whether it waits. */
  get isWaiting(): boolean {
    return this.state === "entering" || this.state === "waiting";
  }

  /** Whether no machine has begun with it. */
  get isUnbegun(): boolean {
    return this.state === "reserved" || this.isWaiting;
  }

  /** Whether an outcome is still wanted. */
  get isOpen(): boolean {
    return this.state !== "answering" && this.state !== "over";
  }

  /** Why it is not to be begun again: its client has left, or the server stops; undefined if it may. */
  get endCause(): Cancel["cause"] | undefined {
    const { cause } = this.stop;
    if (cause && cause !== "timed_out") return cause;
    return this.#clientGone ? "canceled" : undefined;
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
    this.#clientGone = true;
    if (this.state !== "running" || this.spec.onDisconnect === "cancel") {
      this.#front.end(this, "canceled");
    }
  }

  position(): number {
    return this.#front.positionOf(this);
  }

  settle(outcome: JobOutcome): void {
    if (this.localRun && this.state === "running") this.#front.settledHere(this, outcome);
  }

  release(): void {
    if (this.localRun && this.state === "running") this.#front.releasedHere(this);
  }

  /** Seconds since its place was filled. */
  waitedSec(): number {
    return this.spec ? (this.#front.now() - this.#filledAt) / 1000 : 0;
  }

  /** A machine begins with it. */
  begins(): void {
    this.state = "running";
    this.stopTimer();
    this.queuedSec = this.waitedSec();
    this.received = { stdout: 0, stderr: 0 };
    this.#entered.resolve();
  }

  /** Its message is in the queue. */
  hasEntered(): void {
    if (this.state === "entering") this.state = "waiting";
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
