/**
 * A first-in-first-out channel between many senders and many receivers.
 *
 * An item is handed directly to a receiver that already waits; without one, the item waits. The sender bounds how many
 * items may wait: it reads `length`, and nothing happens between reading it and sending.
 *
 * @module
 */

import { Fifo } from "./fifo.ts";

/** A channel, as the module's docstring describes it. */
export interface Channel<T> {
  /** Items that wait for a receiver now. */
  readonly length: number;
  /** Receivers that wait for an item now. */
  readonly receivers: number;
  /** The item that a receiver gets next; undefined if none waits. */
  readonly first: T | undefined;
  /**
   * Sends an item, behind all waiting ones or before them. Returns a function that takes the item out of the channel while it
   * waits, and has no effect afterwards; undefined if a receiver already has it. Throws if the channel is closed.
   */
  send(item: T, where?: "behind" | "before"): (() => void) | undefined;
  /**
   * Resolves with the next item; with undefined once the channel is closed and no item waits in it, or if `stays` returns
   * false, which is asked at once and, while the receiver waits, at each `recall`. `stays` must not use the channel.
   */
  receive(stays?: () => boolean): Promise<T | undefined>;
  /** Place of an item among those that wait, from 1; 0 if it does not wait. */
  position(item: T): number;
  /** Asks each waiting receiver whether it stays. One that does not has left when this returns; no item is on its way to it. */
  recall(): void;
  /** Stops accepting items. Waiting ones are still received; then receivers get undefined. Idempotent. */
  close(): void;
}

/** Makes an empty channel. */
export function createChannel<T>(): Channel<T> {
  const items = new Fifo<T>();
  const receivers = new Fifo<Receiver<T>>();
  let closed = false;
  let staysOfNext = always;
  // A new promise calls it at once. One function for all of them: a closure for each would cost memory at every wait.
  const wait = (resolve: Receiver<T>["resolve"]) => {
    receivers.push({ resolve, stays: staysOfNext });
  };

  return {
    get length() {
      return items.size;
    },
    get receivers() {
      return receivers.size;
    },
    get first() {
      return items.first;
    },
    send(item, where = "behind") {
      if (closed) throw new Error("the channel is closed");
      const receiver = receivers.shift();
      if (receiver) {
        receiver.resolve(item);
        return undefined;
      }
      const node = where === "behind" ? items.push(item) : items.unshift(item);
      return () => items.remove(node);
    },
    receive(stays = always) {
      if (!stays()) return Promise.resolve(undefined);
      if (items.size > 0 || closed) return Promise.resolve(items.shift());
      staysOfNext = stays;
      return new Promise(wait);
    },
    position: (item) => items.positionOf(item),
    recall() {
      for (const receiver of receivers.removeAll(({ stays }) => !stays())) {
        receiver.resolve(undefined);
      }
    },
    close() {
      closed = true;
      for (const receiver of receivers.removeAll(always)) receiver.resolve(undefined);
    },
  };
}

interface Receiver<T> {
  readonly resolve: (item: T | undefined) => void;
  readonly stays: () => boolean;
}

const always = () => true;
