/**
 * The workers of this machine that wait for a job of a pool. Each of them has an open pull, unless no job is to be taken.
 *
 * @module
 */

import type { Lease } from "../jobs/line.ts";
import type { Group } from "./group.ts";
import { giveBack, type Incoming, type StreamNames } from "./link.ts";
import { createPulls, type Pulls } from "./pulls.ts";

/** What takers are made of. */
export interface TakersParts {
  /** What they share with the rest of the room. */
  readonly group: Group;
  /** The stream of the pool. */
  readonly names: StreamNames;
  /** The beginning of a token of subjects, exclusive to them. */
  readonly prefix: string;
  /** A message came for a worker. Resolves with the job if it may run here. Does not reject. */
  readonly offer: (message: Incoming) => Promise<Lease | undefined>;
  /** A worker gets a job. */
  readonly onLease: (lease: Lease) => void;
}

/** A worker that waits. */
interface Taker {
  readonly stays: (() => boolean) | undefined;
  readonly resolve: (lease: Lease | undefined) => void;
  /** Ends its pull; undefined while it has none. */
  stop: (() => void) | undefined;
  /** Whether a job is on its way to it. */
  offered: boolean;
}

/** See the module's head. */
export class Takers {
  readonly #parts: TakersParts;
  readonly #pulls: Pulls;
  readonly #waiting = new Set<Taker>();
  #paused = false;
  #ended = false;

  /** Nobody waits yet. */
  constructor(parts: TakersParts) {
    const { group, names, prefix } = parts;
    this.#parts = parts;
    this.#pulls = createPulls(group, names, prefix, ({ reply }) => {
      group.link.publish(reply, giveBack(0));
    });
  }

  /** Number of workers that wait and have no job on its way. */
  get idle(): number {
    return this.#pulls.waiting;
  }

  /** As `Line.take`. */
  take(stays?: () => boolean): Promise<Lease | undefined> {
    if (this.#ended || stays?.() === false) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const taker: Taker = { stays, resolve, stop: undefined, offered: false };
      this.#waiting.add(taker);
      this.#wait(taker);
    });
  }

  #wait(taker: Taker): void {
    if (this.#paused) return;
    taker.stop = this.#pulls.open((message) => {
      taker.stop = undefined;
      taker.offered = true;
      void this.#parts.offer(message).then((lease) => {
        taker.offered = false;
        if (lease) this.#parts.onLease(lease);
        if (lease || this.#ended || taker.stays?.() === false) this.#leave(taker, lease);
        else this.#wait(taker);
      });
    });
  }

  #leave(taker: Taker, lease?: Lease): void {
    this.#waiting.delete(taker);
    taker.stop?.();
    taker.resolve(lease);
  }

  /** As `Line.recall`. */
  recall(): void {
    for (const taker of [...this.#waiting]) {
      if (!taker.offered && taker.stays?.() === false) this.#leave(taker);
    }
  }

  /** Whether no job is taken for now; workers go on waiting. */
  pause(paused: boolean): void {
    if (paused === this.#paused) return;
    this.#paused = paused;
    for (const taker of this.#waiting) {
      if (taker.offered) continue;
      taker.stop?.();
      taker.stop = undefined;
      this.#wait(taker);
    }
  }

  /** Asks for jobs anew, after a reconnection. */
  renew(): void {
    this.#pulls.renew();
  }

  /** No more jobs are taken: workers that wait, and those that come, get none. Idempotent. */
  end(): void {
    this.#ended = true;
    for (const taker of [...this.#waiting]) if (!taker.offered) this.#leave(taker);
  }

  /** Ends everything. */
  close(): void {
    this.end();
    this.#pulls.close();
  }
}
