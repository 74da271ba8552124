/**
 * Answers of jobs on their way to clients, who may take them slowly, or not at all.
 *
 * @module
 */

import type { Deadlines } from "../deadlines.ts";
import type { Share } from "./buffers.ts";

/** Whose answer it is. */
export interface Taker {
  /** What it holds until it is taken. */
  readonly share: Share;
  /** What the runtime prints when the connection of an answer that was given up has closed: a line for the log. */
  readonly lastLine: () => string;
  /** Hears that the answer was given up, and why. */
  readonly onGivenUp: (cause: GivenUpCause) => void;
}

/** Nothing of it was taken for too long, or the server stops. */
export type GivenUpCause = "answer_timeout" | "shutdown";

/** See the module's head. */
export interface Answers {
  /** The pieces as a body: one string when they are short, else a stream, which is made as it is taken. */
  bodyOf(pieces: Iterable<string>, taker: Taker): string | ReadableStream<Uint8Array<ArrayBuffer>>;
  /** How many were given up. */
  readonly givenUp: number;
  /** Gives up all that are still to be taken. */
  giveUpAll(): void;
}

/** Up to this size an answer is one string; beyond it a stream. */
const joinedLength = 64 * 1024;

/** `patience` is how long a client may take nothing of a stream. */
export function createAnswers(patience: Deadlines): Answers {
  const open = new Set<(cause: GivenUpCause) => void>();
  let givenUp = 0;

  function streamed(
    first: string,
    rest: Iterator<string>,
    { share, lastLine, onGivenUp }: Taker,
  ): ReadableStream<Uint8Array<ArrayBuffer>> {
    const encoder = new TextEncoder();
    let next = first;
    let controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
    let stopWaiting = patience.start(onOver);
    open.add(giveUp);

    function end(): void {
      open.delete(giveUp);
      stopWaiting();
      // It lets go of what it has not come to.
      rest.return?.();
      share.release();
    }
    function giveUp(cause: GivenUpCause): void {
      end();
      givenUp++;
      // Not an Error: the runtime (2.9.6) prints what a stream has failed with, and a log has one line for each event.
      controller.error({ [Symbol.for("Deno.customInspect")]: lastLine });
      onGivenUp(cause);
    }
    function onOver(): void {
      giveUp("answer_timeout");
    }

    return new ReadableStream({
      start: (itsController) => void (controller = itsController),
      pull() {
        stopWaiting();
        try {
          controller.enqueue(encoder.encode(next));
          const piece = rest.next();
          if (piece.done) {
            end();
            return controller.close();
          }
          next = piece.value;
        } catch (error) {
          end();
          throw error;
        }
        stopWaiting = patience.start(onOver);
      },
      cancel: end,
      // Nothing counts as taken before it is asked for.
    }, { highWaterMark: 0 });
  }

  return {
    bodyOf(pieces, taker) {
      let text = "";
      const rest = pieces[Symbol.iterator]();
      for (let piece = rest.next(); !piece.done; piece = rest.next()) {
        text += piece.value;
        if (text.length > joinedLength) return streamed(text, rest, taker);
      }
      taker.share.release();
      return text;
    },
    get givenUp() {
      return givenUp;
    },
    giveUpAll() {
      for (const giveUp of [...open]) giveUp("shutdown");
    },
  };
}
