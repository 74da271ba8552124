/**
 * A first-in-first-out channel between many senders and many receivers.
 *
 * An item is handed directly to a receiver that already waits; without one, the item waits. The sender bounds how many
 * items may wait: it reads `length`, and nothing happens between reading it and sending.
 *
 * @module
 */

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
  /** Resolves with the next item; with undefined once the channel is closed and no item waits in it. */
  receive(): Promise<T | undefined>;
  /** Stops accepting items. Waiting ones are still received; then receivers get undefined. Idempotent. */
  close(): void;
}

/** Makes an empty channel. */
export function createChannel<T>(): Channel<T> {
  const items = new Fifo<T>();
  const receivers = new Fifo<(item: T | undefined) => void>();
  let closed = false;

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
      const receive = receivers.shift();
      if (receive) {
        receive(item);
        return undefined;
      }
      const node = where === "behind" ? items.push(item) : items.unshift(item);
      return () => items.remove(node);
    },
    receive() {
      if (items.size > 0 || closed) return Promise.resolve(items.shift());
      return new Promise((resolve) => receivers.push(resolve));
    },
    close() {
      closed = true;
      for (let receive = receivers.shift(); receive; receive = receivers.shift()) {
        receive(undefined);
      }
    },
  };
}

interface Node<T> {
  readonly value: T;
  previous: Node<T> | undefined;
  next: Node<T> | undefined;
  linked: boolean;
}

/** A doubly linked list, because removing an item from the middle must cost the same as removing it from the front. */
class Fifo<T> {
  #first: Node<T> | undefined;
  #last: Node<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): T | undefined {
    return this.#first?.value;
  }

  push(value: T): Node<T> {
    return this.#insert(value, this.#last, undefined);
  }

  unshift(value: T): Node<T> {
    return this.#insert(value, undefined, this.#first);
  }

  shift(): T | undefined {
    const node = this.#first;
    if (!node) return undefined;
    this.remove(node);
    return node.value;
  }

  remove(node: Node<T>): void {
    if (!node.linked) return;
    node.linked = false;
    if (node.previous) node.previous.next = node.next;
    else this.#first = node.next;
    if (node.next) node.next.previous = node.previous;
    else this.#last = node.previous;
    this.#size--;
  }

  #insert(value: T, previous: Node<T> | undefined, next: Node<T> | undefined): Node<T> {
    const node: Node<T> = { value, previous, next, linked: true };
    if (previous) previous.next = node;
    else this.#first = node;
    if (next) next.previous = node;
    else this.#last = node;
    this.#size++;
    return node;
  }
}
