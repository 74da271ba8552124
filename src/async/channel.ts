/**
 * A bounded first-in-first-out channel between many senders and many receivers.
 *
 * A sender never waits: it is told at once whether its item was taken. A receiver waits with `for await`.
 * An item for which a receiver already waits is handed over directly and never occupies a place,
 * so a channel of capacity 0 still works: it accepts exactly as many items as receivers wait.
 *
 * @module
 */

/** What became of an item: taken, no place free, closed for good, or its sender's signal was already aborted. */
export type SendOutcome = "accepted" | "full" | "closed" | "left";

/** See the module's head. */
export interface Channel<T> extends AsyncIterable<T> {
  /** Items that wait for a receiver now; never more than `capacity`. */
  readonly length: number;
  /** The most items that may wait. */
  readonly capacity: number;
  /**
   * Offers an item. While it waits, aborting `signal` takes it out and frees its place at once;
   * after it was received the signal means nothing to the channel.
   */
  trySend(item: T, signal?: AbortSignal): SendOutcome;
  /** No more sending. What waits is still delivered; then receivers are done. Twice is fine. */
  close(): void;
}

interface Place<T> {
  readonly item: T;
  readonly signal: AbortSignal | undefined;
  readonly leave: (() => void) | undefined;
}

/** Makes a channel in which at most `capacity` items wait. */
export function createChannel<T>(capacity: number): Channel<T> {
  if (!Number.isSafeInteger(capacity) || capacity < 0) {
    throw new RangeError(`capacity=${capacity}: must be a whole number, 0 or more`);
  }
  const waiting = new Fifo<Place<T>>();
  const receivers = new Fifo<(result: IteratorResult<T, undefined>) => void>();
  let closed = false;

  function trySend(item: T, signal?: AbortSignal): SendOutcome {
    if (closed) return "closed";
    if (signal?.aborted) return "left";
    const receive = receivers.shift();
    if (receive) {
      receive({ done: false, value: item });
      return "accepted";
    }
    if (waiting.size >= capacity) return "full";
    if (!signal) {
      waiting.push({ item, signal, leave: undefined });
      return "accepted";
    }
    const leave = () => waiting.remove(node);
    const node = waiting.push({ item, signal, leave });
    signal.addEventListener("abort", leave, { once: true });
    return "accepted";
  }

  function next(): Promise<IteratorResult<T, undefined>> {
    const place = waiting.shift();
    if (place) {
      if (place.leave) place.signal?.removeEventListener("abort", place.leave);
      return Promise.resolve({ done: false, value: place.item });
    }
    if (closed) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => receivers.push(resolve));
  }

  function close(): void {
    closed = true;
    for (let receive = receivers.shift(); receive; receive = receivers.shift()) {
      receive({ done: true, value: undefined });
    }
  }

  return {
    capacity,
    get length() {
      return waiting.size;
    },
    trySend,
    close,
    [Symbol.asyncIterator]: () => ({ next }),
  };
}

interface Node<T> {
  readonly value: T;
  previous: Node<T> | undefined;
  next: Node<T> | undefined;
  linked: boolean;
}

/** A doubly linked list, because leaving from the middle must cost the same as leaving from the front. */
class Fifo<T> {
  #first: Node<T> | undefined;
  #last: Node<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(value: T): Node<T> {
    const node: Node<T> = { value, previous: this.#last, next: undefined, linked: true };
    if (this.#last) this.#last.next = node;
    else this.#first = node;
    this.#last = node;
    this.#size++;
    return node;
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
}
