/**
 * A first-in-first-out list, doubly linked, because removing a value from the middle must cost the same as removing it from the
 * front.
 *
 * @module
 */

/** An entry of a list, to take it out with `remove`. */
export interface FifoNode<T> {
  /** What the list holds. */
  readonly value: T;
  /** The entry before it. */
  previous: FifoNode<T> | undefined;
  /** The entry behind it. */
  next: FifoNode<T> | undefined;
  /** Whether it is in the list. */
  linked: boolean;
}

/** A list, as the module's docstring describes it. */
export class Fifo<T> {
  #first: FifoNode<T> | undefined;
  #last: FifoNode<T> | undefined;
  #size = 0;

  /** Number of values. */
  get size(): number {
    return this.#size;
  }

  /** The first value; undefined if the list is empty. */
  get first(): T | undefined {
    return this.#first?.value;
  }

  /** The place of a value, from 1; 0 if it is not in the list. Takes time in proportion to that. */
  positionOf(value: T): number {
    let position = 1;
    for (let node = this.#first; node; node = node.next, position++) {
      if (node.value === value) return position;
    }
    return 0;
  }

  /** Adds a value behind all others. */
  push(value: T): FifoNode<T> {
    return this.#insert(value, this.#last, undefined);
  }

  /** Adds a value before all others. */
  unshift(value: T): FifoNode<T> {
    return this.#insert(value, undefined, this.#first);
  }

  /** Takes out the first value and returns it; undefined if the list is empty. */
  shift(): T | undefined {
    const node = this.#first;
    if (!node) return undefined;
    this.remove(node);
    return node.value;
  }

  /** Takes an entry out; no effect if it is not in the list. */
  remove(node: FifoNode<T>): void {
    if (!node.linked) return;
    node.linked = false;
    if (node.previous) node.previous.next = node.next;
    else this.#first = node.next;
    if (node.next) node.next.previous = node.previous;
    else this.#last = node.previous;
    this.#size--;
  }

  /** Removes the values that pass the test, and returns them in their order. */
  removeAll(test: (value: T) => boolean): T[] {
    const removed: T[] = [];
    for (let node = this.#first; node; node = node.next) {
      if (!test(node.value)) continue;
      this.remove(node);
      removed.push(node.value);
    }
    return removed;
  }

  #insert(value: T, previous: FifoNode<T> | undefined, next: FifoNode<T> | undefined): FifoNode<T> {
    const node: FifoNode<T> = { value, previous, next, linked: true };
    if (previous) previous.next = node;
    else this.#first = node;
    if (next) next.previous = node;
    else this.#last = node;
    this.#size++;
    return node;
  }
}
