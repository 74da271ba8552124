/**
 * The open pulls of a pool: each worker that waits for a job has one. A pull asks the server for one message, and asks again until
 * one comes.
 *
 * @module
 */

import type { Group } from "./group.ts";
import type { Incoming, StreamNames, Subscription } from "./link.ts";

/**
 * How long the server keeps a pull open, in milliseconds. The shorter, the fewer messages a machine swallows that is frozen, and the
 * sooner a pull is asked again that a server took along when it died.
 */
const expiresMs = 2000;

/** Time after which a pull that has had no answer is asked again, in milliseconds. */
const silentMs = expiresMs + 1000;

/** Pause after a status that says that something is wrong, in milliseconds. */
const pauseMs = 500;

/** The pulls of one pool. */
export interface Pulls {
  /** Opens a pull: `receive` is called with the message that it gets, once, unless the returned function was called before. */
  open(receive: (message: Incoming) => void): () => void;
  /** Number of open pulls. */
  readonly waiting: number;
  /** The stream is there, on a new connection: opens the open pulls anew. Before the first call no pull asks the server. */
  renew(): void;
  /** Ends all of them. */
  close(): void;
}

/**
 * Makes pulls. A message for a pull that is no longer open is passed to `unwanted`. `prefix` is the beginning of a token of subjects,
 * and exclusive to these pulls.
 */
export function createPulls(
  group: Group,
  { stream }: Pick<StreamNames, "stream">,
  prefix: string,
  unwanted: (message: Incoming) => void,
): Pulls {
  /** Pulls that are not open, with their subscriptions. */
  const spare: Pull[] = [];
  const open = new Set<Pull>();
  let made = 0;
  /** Whether `renew` was called. A pull that had asked before would ask twice, and get a message that no worker waits for. */
  let begun = false;

  class Pull {
    readonly #inbox = group.subjects.pull(group.node, `${prefix}${made++}`);
    readonly #subscription: Subscription;
    #receive: ((message: Incoming) => void) | undefined;
    #stopTimer = () => {};

    constructor() {
      this.#subscription = group.link.subscribe(this.#inbox, (message) => this.#received(message));
    }

    begin(receive: (message: Incoming) => void): void {
      this.#receive = receive;
      if (begun) this.ask();
    }

    /** Asks the server. What it sends for an earlier question is as good. */
    ask(): void {
      this.#stopTimer();
      group.link.pull(stream, this.#inbox, expiresMs);
      this.#stopTimer = group.clock.after(silentMs, () => this.ask());
    }

    #received(message: Incoming): void {
      const { status } = message;
      if (status === 0) {
        const receive = this.#receive;
        if (!receive) return unwanted(message);
        this.#end();
        spare.push(this);
        return receive(message);
      }
      if (!this.#receive) return;
      if (status === 404 || status === 408) return this.ask();
      this.#stopTimer();
      this.#stopTimer = group.clock.after(pauseMs, () => this.ask());
    }

    #end(): void {
      this.#receive = undefined;
      this.#stopTimer();
      open.delete(this);
    }

    /** Ends it for good: the server gives its question up, since nobody listens any more. */
    close(): void {
      this.#end();
      void this.#subscription.close();
    }
  }

  return {
    open(receive) {
      const pull = spare.pop() ?? new Pull();
      open.add(pull);
      pull.begin(receive);
      return () => {
        if (open.has(pull)) pull.close();
      };
    },
    get waiting() {
      return open.size;
    },
    renew() {
      begun = true;
      for (const pull of open) pull.ask();
    },
    close() {
      for (const pull of [...open, ...spare.splice(0)]) pull.close();
    },
  };
}
