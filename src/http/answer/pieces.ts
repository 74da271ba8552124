/**
 * Cuts the body of an answer into the pieces in which it is sent. A piece is only made when it is asked for.
 *
 * @module
 */

import type { StoredFile } from "../../jobs/job.ts";
import type { Encoded } from "../../wire/result.ts";
import type { StoredBody } from "./answer.ts";

/** A piece, which is not empty. */
export type Piece = Uint8Array<ArrayBuffer>;

/** Up to this size an answer is one piece. Pieces of a longer text are at least this long. */
export const pieceBytes: number = 64 * 1024;

/** Most bytes of one piece of a file. */
const readBytes = 256 * 1024;

/** Whether a body can be sent as one piece, at once. */
export function isOnePiece(body: Encoded | StoredBody): boolean {
  if (body.byteLength > pieceBytes) return false;
  return !("parts" in body) || body.parts.every((part) => part instanceof Uint8Array);
}

/** The whole body, which is one piece. */
export function wholeOf(body: Encoded | StoredBody): string | Piece {
  if (!("parts" in body)) return textOf(body);
  const whole = new Uint8Array(body.byteLength);
  let at = 0;
  for (const part of body.parts) {
    if (!(part instanceof Uint8Array)) continue;
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function textOf({ pieces }: Encoded): string {
  let text = "";
  for (const piece of pieces) text += piece;
  return text;
}

/**
 * The pieces of a body, one with each call, until it is complete. Throws or rejects if the body ends before that, or if a file
 * cannot be read. To be called after the piece before has come, and when it is no longer needed: a piece of a file is detached
 * then, which frees its memory.
 */
export function piecesOf(body: Encoded | StoredBody): () => Piece | Promise<Piece> {
  return "parts" in body ? storedPieces(body) : textPieces(body);
}

function textPieces({ pieces }: Encoded): () => Piece {
  const encoder = new TextEncoder();
  const rest = pieces[Symbol.iterator]();
  return () => {
    let text = "";
    while (text.length < pieceBytes) {
      const { done, value } = rest.next();
      if (done) break;
      text += value;
    }
    if (text === "") throw endsEarly();
    return encoder.encode(text);
  };
}

function storedPieces({ parts }: StoredBody): () => Piece | Promise<Piece> {
  let index = 0;
  let at = 0;
  let last: ArrayBuffer | undefined;

  /** Without the detaching the garbage collector leaves 64 MiB of pieces, and new memory costs a third of the CPU. */
  async function fromFile(file: StoredFile): Promise<Piece> {
    last?.transfer(0);
    const piece = new Uint8Array(Math.min(file.length - at, readBytes));
    last = piece.buffer;
    const length = await file.read(at, piece);
    if (length === 0) throw endsEarly();
    at += length;
    return piece.subarray(0, length);
  }

  return () => {
    for (;;) {
      const part = parts[index];
      if (!part) throw endsEarly();
      if (at < part.length) {
        if (!(part instanceof Uint8Array)) return fromFile(part);
        at = part.length;
        return part;
      }
      index++;
      at = 0;
    }
  };
}

function endsEarly(): Error {
  return new Error("the answer is shorter than its length says");
}
