/**
 * Whether a client of this machine gets a place in a shared queue. Only the server knows whether the queue has room, and it says so
 * when a job enters; here is refused what would be refused then for certain, or has another reason.
 *
 * @module
 */

import {
  type About,
  type LaneLimits,
  type LineSize,
  mostArriving,
  type Refusal,
} from "../jobs/line.ts";
import type { FrontJob } from "./front_job.ts";
import type { Group } from "./group.ts";

/** What an admission is made of. */
export interface AdmissionParts {
  /** What it shares with the rest of the room. */
  readonly group: Group;
  /** Name of the stream. */
  readonly stream: string;
  /** The jobs of this machine's clients that are not over. */
  readonly jobs: Iterable<FrontJob>;
}

/** See the module's head. */
export class Admission {
  readonly #parts: AdmissionParts;
  #size: LineSize;
  #arriving = 0;
  #reserved = 0;
  #closed = false;
  /** Whether the queue was full when it was last heard of. */
  #full = false;

  /** An open queue. */
  constructor(parts: AdmissionParts, size: LineSize) {
    this.#parts = parts;
    this.#size = size;
  }

  /** Whether no place is given any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Number of reserved places. */
  get reserved(): number {
    return this.#reserved;
  }

  /** How long a job may wait, in milliseconds. */
  get queueTimeoutMs(): number {
    return this.#size.queueTimeoutMs;
  }

  /** Changes the limits for new jobs. */
  resize(size: LineSize): void {
    this.#size = size;
  }

  /** Gives no more places. Idempotent. */
  close(): void {
    this.#closed = true;
  }

  /** A place was reserved. */
  began(arriving: boolean): void {
    this.#reserved++;
    if (arriving) this.#arriving++;
  }

  /** A reservation has ended. */
  ended(arriving: boolean): void {
    this.#reserved--;
    if (arriving) this.#arriving--;
  }

  /** A job could enter the queue, or could not because it was full. */
  heard({ isFull }: { readonly isFull: boolean }): void {
    this.#full = isFull;
  }

  /**
   * Why a client does not get a place; undefined if it does. A body that is still to arrive is not let in if the queue is full,
   * which the server is asked only if it was full when it was last heard of.
   */
  refusal(
    { client, arriving = false }: About,
  ): Refusal["cause"] | undefined | Promise<Refusal["cause"] | undefined> {
    const cause = this.#refusalNow(client, arriving);
    if (cause || !arriving || !this.#full) return cause;
    return this.#hasRoom().then((hasRoom) =>
      hasRoom ? this.#refusalNow(client, arriving) : "queue_full"
    );
  }

  #refusalNow(client: string | undefined, arriving: boolean): Refusal["cause"] | undefined {
    if (this.#closed) return "draining";
    if (!this.#parts.group.link.connected) return "queue_unavailable";
    if (arriving && this.#arriving >= mostArriving(this.#size)) return "uploads_full";
    const { maxWaiting = Infinity } = this.#limitsOf(client);
    if (maxWaiting === Infinity) return undefined;
    const hasMost = this.#countOf(client, ({ isUnbegun }) => isUnbegun) >= maxWaiting;
    return hasMost ? "client_limit" : undefined;
  }

  /** Asks the server; a queue that cannot be asked has room, since the job will be refused when it enters. */
  async #hasRoom(): Promise<boolean> {
    try {
      const { messages, maxMessages } = await this.#parts.group.link.size(this.#parts.stream);
      this.#full = messages >= maxMessages;
    } catch {
      this.#full = false;
    }
    return !this.#full;
  }

  /** Whether it is limited how many jobs of this client run at once. */
  limitsRunning(client: string | undefined): boolean {
    return this.#maxRunningOf(client) < Infinity;
  }

  /** Whether as many jobs of this client run as may. */
  runsMost(client: string | undefined): boolean {
    const most = this.#maxRunningOf(client);
    return most < Infinity && this.#countOf(client, ({ state }) => state === "running") >= most;
  }

  #maxRunningOf(client: string | undefined): number {
    return this.#limitsOf(client).maxRunning ?? Infinity;
  }

  #limitsOf(client: string | undefined): LaneLimits {
    return (client === undefined ? undefined : this.#size.lanes?.get(client)) ?? {};
  }

  #countOf(client: string | undefined, counts: (job: FrontJob) => boolean): number {
    let count = 0;
    for (const job of this.#parts.jobs) if (job.client === client && counts(job)) count++;
    return count;
  }
}
