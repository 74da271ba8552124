/**
 * Sends the answers of jobs to clients, which may read them slowly, or not at all.
 *
 * @module
 */

import type { Deadlines } from "../../async/deadlines.ts";
import type { Encoded } from "../../wire/result.ts";
import type { Share } from "../body/buffers.ts";

/** The request that gets the answer. */
export interface Recipient {
  /** The memory that the answer holds until it is sent. */
  readonly share: Share;
  /** Called if the answer is given up, with the cause. */
  readonly onGivenUp: (cause: GivenUpCause) => void;
}

/** Why an answer was given up: the client read nothing for too long, or the server stops. */
export type GivenUpCause = "answer_timeout" | "shutdown";

/** An answer that is being sent. */
export interface Delivery {
  /** One string if it is short, otherwise a stream that is encoded while it is read. */
  readonly body: string | ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Must be called when the runtime reports that the answer was sent. */
  handedOver(): void;
}

/** See the module's head. */
export interface Deliveries {
  /** Begins to send an answer. */
  begin(answer: Encoded, recipient: Recipient): Delivery;
  /** Answers that begin from now on get these timeouts; those that are being sent keep theirs. */
  setTimeouts(timeouts: Deadlines): void;
  /** Number of answers that were given up. */
  readonly givenUp: number;
  /** Gives up all answers that are not sent yet. */
  giveUpAll(): void;
}

/** The error of an answer's stream that was given up. */
export const givenUpError: Error = new Error("the client did not read the answer: it was given up");

/** Up to this size an answer is one string; a larger one is a stream of pieces that are at least this long. */
const pieceBytes = 64 * 1024;

/** `latest` limits how long a client may read nothing of a stream, until `setTimeouts` replaces it. */
export function createDeliveries(latest: Deadlines): Deliveries {
  const open = new Set<(cause: GivenUpCause) => void>();
  let givenUp = 0;

  function streamed(answer: Encoded, { share, onGivenUp }: Recipient): Delivery {
    const timeouts = latest;
    const encoder = new TextEncoder();
    const rest = answer.pieces[Symbol.iterator]();
    let left = answer.byteLength;
    let controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
    let stopWaiting = timeouts.start(onOver);
    open.add(giveUp);

    function end(): void {
      open.delete(giveUp);
      stopWaiting();
      release();
    }
    function release(): void {
      answer.free();
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
          release();
          controller.close();
        }
        // Also for the last piece: the runtime has it, but the client may not have read it.
        stopWaiting = timeouts.start(onOver);
      },
      cancel: end,
      // A piece is only made when it is asked for.
    }, { highWaterMark: 0 });
    return { body, handedOver: () => left <= 0 && end() };
  }

  return {
    begin(answer, recipient) {
      if (answer.byteLength > pieceBytes) return streamed(answer, recipient);
      const body = [...answer.pieces].join("");
      recipient.share.release();
      return { body, handedOver() {} };
    },
    setTimeouts(timeouts) {
      latest = timeouts;
    },
    get givenUp() {
      return givenUp;
    },
    giveUpAll() {
      for (const giveUp of [...open]) giveUp("shutdown");
    },
  };
}
