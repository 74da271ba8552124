/**
 * The stream of bytes that a listener takes a live answer from. It reports when there is room for more, and when the listener takes
 * nothing for too long.
 *
 * @module
 */

import type { Deadlines } from "../../async/deadlines.ts";

/** What becomes of an outlet. */
export interface OutletEvents {
  /** The listener has taken something, or there may be room. A promise that it returns delays the next call. */
  onRoom(): Promise<void> | undefined;
  /** The client has disconnected. */
  onGone(): void;
  /** The listener has taken nothing of what is there for too long. */
  onTimeout(): void;
}

/** See the module's head. */
export interface Outlet {
  /** The stream. */
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Whether fewer bytes wait for the listener than may. */
  readonly hasRoom: boolean;
  /** Whether no byte waits for the listener. */
  readonly isEmpty: boolean;
  /** Adds text, even without room. */
  send(text: string): void;
  /** Ends the stream, which must be empty. The timeout begins once more, because the client may not have read what it has taken. */
  close(): void;
  /** Breaks the stream off. */
  fail(error: unknown): void;
  /** Ends the timeout. */
  release(): void;
}

/** How many bytes may wait for a listener. */
const bufferBytes = 64 * 1024;

const strategy: QueuingStrategy<Uint8Array<ArrayBuffer>> = {
  highWaterMark: bufferBytes,
  size: ({ byteLength }) => byteLength,
};

const utf8 = new TextEncoder();

/** Opens an outlet. `timeouts` is how long a listener may take nothing. */
export function openOutlet(timeouts: Deadlines, events: OutletEvents): Outlet {
  return new StreamOutlet(timeouts, events);
}

/** A class, because there are many at a time: an object literal with getters creates new functions each time. */
class StreamOutlet implements Outlet {
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #timeouts: Deadlines;
  readonly #events: OutletEvents;
  #controller!: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  #isClosed = false;
  #isGone = false;
  /** Bytes that the listener had not taken at the latest look. */
  #untaken = 0;
  #stopWaiting: (() => void) | undefined;

  constructor(timeouts: Deadlines, events: OutletEvents) {
    this.#timeouts = timeouts;
    this.#events = events;
    this.body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (controller) => void (this.#controller = controller),
      pull: () => {
        this.#look();
        return events.onRoom();
      },
      cancel: () => {
        this.#isGone = true;
        events.onGone();
      },
    }, strategy);
  }

  get hasRoom(): boolean {
    return (this.#controller.desiredSize ?? 0) > 0;
  }

  get isEmpty(): boolean {
    return this.#controller.desiredSize === bufferBytes;
  }

  send(text: string): void {
    this.#look();
    this.#controller.enqueue(utf8.encode(text));
    this.#look();
  }

  close(): void {
    this.#isClosed = true;
    this.release();
    this.#controller.close();
    this.#stopWaiting = this.#timeouts.start(this.#onWaited);
  }

  fail(error: unknown): void {
    this.#controller.error(error);
  }

  release(): void {
    this.#stopWaiting?.();
    this.#stopWaiting = undefined;
  }

  /** Looks what the listener has not taken. The timeout begins anew whenever it takes some. */
  #look(): void {
    // The runtime can report in the middle of an `enqueue` that the client has disconnected.
    if (this.#isGone) return;
    const untaken = bufferBytes - (this.#controller.desiredSize ?? bufferBytes);
    if (untaken < this.#untaken) this.release();
    this.#untaken = untaken;
    if (untaken > 0) this.#stopWaiting ??= this.#timeouts.start(this.#onWaited);
  }

  readonly #onWaited = (): void => {
    this.#stopWaiting = undefined;
    const before = this.#untaken;
    if (!this.#isClosed) this.#look();
    // The stream does not report everything that is taken of it while it is full.
    if (this.#isClosed || this.#untaken >= before) this.#events.onTimeout();
  };
}
