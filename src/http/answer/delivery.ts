/**
 * Answers of jobs on their way to clients, who may take them slowly, or not at all.
 *
 * @module
 */

import type { Deadlines } from "../../async/deadlines.ts";
import type { Encoded } from "../../wire/result.ts";
import type { Share } from "../body/buffers.ts";

/** Whose answer it is. */
export interface Taker {
  /** What it holds until it is taken. */
  readonly share: Share;
  /** Hears that the answer was given up, and why. */
  readonly onGivenUp: (cause: GivenUpCause) => void;
}

/** Nothing of it was taken for too long, or the server stops. */
export type GivenUpCause = "answer_timeout" | "shutdown";

/** An answer on its way. */
export interface Delivery {
  /** One string when it is short, else a stream, which is made as it is taken. */
  readonly body: string | ReadableStream<Uint8Array<ArrayBuffer>>;
  /** To be called when the runtime tells that it was handed over. */
  handedOver(): void;
}

/** See the module's head. */
export interface Deliveries {
  /** An answer begins. */
  begin(answer: Encoded, taker: Taker): Delivery;
  /** How many were given up. */
  readonly givenUp: number;
  /** Gives up all that are still to be taken. */
  giveUpAll(): void;
}

/** What the stream of an answer that was given up fails with. */
export const givenUpError: Error = new Error("the answer was not taken and is given up");

/** Up to this size an answer is one string; beyond it a stream, of pieces that are at least as long. */
const pieceBytes = 64 * 1024;

/** `patience` is how long a client may take nothing of a stream. */
export function createDeliveries(patience: Deadlines): Deliveries {
  const open = new Set<(cause: GivenUpCause) => void>();
  let givenUp = 0;

  function streamed(answer: Encoded, { share, onGivenUp }: Taker): Delivery {
    const encoder = new TextEncoder();
    const rest = answer.pieces[Symbol.iterator]();
    let left = answer.byteLength;
    let controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
    let stopWaiting = patience.start(onOver);
    open.add(giveUp);

    function end(): void {
      open.delete(giveUp);
      stopWaiting();
      letGo();
    }
    function letGo(): void {
      answer.letGo();
      share.release();
    }
    function giveUp(cause: GivenUpCause): void {
      end();
      givenUp++;
      controller.error(givenUpError);
      onGivenUp(cause);
    }
    function onOver(): void {
      giveUp("answer_timeout");
    }
    function nextPiece(): Uint8Array<ArrayBuffer> {
      let text = "";
      while (text.length < pieceBytes) {
        const { done, value } = rest.next();
        if (done) break;
        text += value;
      }
      if (text === "") throw new Error("the answer is shorter than its length says");
      return encoder.encode(text);
    }

    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (itsOwn) => void (controller = itsOwn),
      pull() {
        stopWaiting();
        try {
          const piece = nextPiece();
          left -= piece.length;
          controller.enqueue(piece);
        } catch (error) {
          end();
          throw error;
        }
        if (left <= 0) {
          letGo();
          controller.close();
        }
        // Also for the last piece: the runtime has it, the client has not.
        stopWaiting = patience.start(onOver);
      },
      cancel: end,
      // Nothing counts as taken before it is asked for.
    }, { highWaterMark: 0 });
    return { body, handedOver: () => left <= 0 && end() };
  }

  return {
    begin(answer, taker) {
      if (answer.byteLength > pieceBytes) return streamed(answer, taker);
      const body = [...answer.pieces].join("");
      taker.share.release();
      return { body, handedOver() {} };
    },
    get givenUp() {
      return givenUp;
    },
    giveUpAll() {
      for (const giveUp of [...open]) giveUp("shutdown");
    },
  };
}
