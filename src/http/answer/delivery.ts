/**
 * Sends the answers of jobs to clients, which may read them slowly, or not at all.
 *
 * @module
 */

import type { Deadlines } from "../../async/deadlines.ts";
import type { DiskShare } from "../../jobs/job.ts";
import type { Share } from "../body/buffers.ts";
import type { AnswerBody } from "./answer.ts";
import { isOnePiece, type Piece, piecesOf, wholeOf } from "./pieces.ts";

/** The request that gets the answer. */
export interface Recipient {
  /** The memory that the answer holds until it is sent. */
  readonly share: Pick<Share, "release">;
  /** The disk space that it holds until then. */
  readonly disk?: Pick<DiskShare, "release"> | undefined;
  /** Called if the answer is given up, with the cause. */
  readonly onGivenUp: (cause: GivenUpCause) => void;
}

/** Why an answer was given up: the client read nothing for too long, or the server stops. */
export type GivenUpCause = "answer_timeout" | "shutdown";

/** An answer that is being sent. */
export interface Delivery {
  /** One piece if it is short, otherwise a stream that is made while it is read. */
  readonly body: string | Piece | ReadableStream<Piece>;
  /** Must be called when the runtime reports that the answer was sent. */
  handedOver(): void;
}

/** See the module's head. */
export interface Deliveries {
  /** Begins to send an answer. Its body is freed when it was sent or given up, or when its client has disconnected. */
  begin(answer: AnswerBody, recipient: Recipient): Delivery;
  /** Answers that begin from now on get these timeouts; those that are being sent keep theirs. */
  setTimeouts(timeouts: Deadlines): void;
  /** Number of answers that were given up. */
  readonly givenUp: number;
  /** Gives up all answers that are not sent yet. */
  giveUpAll(): void;
}

/** The error of an answer's stream that was given up. */
export const givenUpError: Error = new Error("the client did not read the answer: it was given up");

function nothingToEnd(): void {}

/** `latest` limits how long a client may read nothing of a stream, until `setTimeouts` replaces it. */
export function createDeliveries(latest: Deadlines): Deliveries {
  const open = new Set<(cause: GivenUpCause) => void>();
  let givenUp = 0;

  function streamed(answer: AnswerBody, { share, disk, onGivenUp }: Recipient): Delivery {
    const timeouts = latest;
    const nextPiece = piecesOf(answer);
    let left = answer.byteLength;
    let ended = false;
    let released = false;
    let controller: ReadableStreamDefaultController<Piece>;
    let stopWaiting = timeouts.start(onOver);
    open.add(giveUp);

    function end(): void {
      ended = true;
      open.delete(giveUp);
      stopWaiting();
      release();
    }
    function release(): void {
      if (released) return;
      released = true;
      answer.free();
      share.release();
      disk?.release();
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
    function send(piece: Piece): void {
      // The answer can end while a piece is read from the disk.
      if (ended) return;
      left -= piece.length;
      controller.enqueue(piece);
      if (left <= 0) {
        release();
        controller.close();
      }
      // Also for the last piece: the runtime has it, but the client may not have read it.
      stopWaiting = timeouts.start(onOver);
    }
    function fail(error: unknown): void {
      if (ended) return;
      end();
      throw error;
    }

    const body = new ReadableStream<Piece>({
      start: (itsOwn) => void (controller = itsOwn),
      pull(): void | Promise<void> {
        stopWaiting();
        try {
          const piece = nextPiece();
          if (piece instanceof Promise) return piece.then(send).catch(fail);
          send(piece);
        } catch (error) {
          fail(error);
        }
      },
      cancel: end,
      // A piece is only made when it is asked for.
    }, { highWaterMark: 0 });
    return { body, handedOver: () => left <= 0 && end() };
  }

  return {
    begin(answer, recipient) {
      if (!isOnePiece(answer)) return streamed(answer, recipient);
      const body = wholeOf(answer);
      recipient.share.release();
      recipient.disk?.release();
      return { body, handedOver: nothingToEnd };
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
