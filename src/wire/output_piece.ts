/**
 * Pieces of a command's output as events carry them: as text where they are UTF-8, otherwise in base64.
 *
 * @module
 */

import { joined } from "../async/bytes.ts";

/** A piece of output. */
export type OutputPiece =
  | {
    /** The piece as text, of whole characters. */
    readonly text: string;
  }
  | {
    /** The piece in base64, because it is not UTF-8. */
    readonly base64: string;
  };

/** Turns the bytes of one stream into pieces. */
export interface PieceMaker {
  /** Makes a piece; undefined without bytes. An incomplete character at the end waits for the next bytes. */
  next(bytes: Uint8Array<ArrayBuffer>): OutputPiece | undefined;
  /** Makes a piece of what waits; undefined if nothing does. */
  end(): OutputPiece | undefined;
}

/** Makes a maker of pieces for one stream. */
export function createPieceMaker(): PieceMaker {
  let rest = new Uint8Array();
  return {
    next(bytes) {
      const all = joined(rest, bytes);
      const length = all.length - incompleteAtEnd(all);
      rest = all.slice(length);
      return pieceOf(all.subarray(0, length));
    },
    end() {
      const last = rest;
      rest = new Uint8Array();
      return pieceOf(last);
    },
  };
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function pieceOf(bytes: Uint8Array<ArrayBuffer>): OutputPiece | undefined {
  if (bytes.length === 0) return undefined;
  try {
    return { text: utf8.decode(bytes) };
  } catch {
    return { base64: bytes.toBase64() };
  }
}

/** Number of bytes at the end that begin a character of UTF-8 (RFC 3629, section 4) and do not complete it. */
function incompleteAtEnd(bytes: Uint8Array): number {
  for (let count = 1; count <= Math.min(3, bytes.length); count++) {
    const byte = bytes[bytes.length - count] ?? 0;
    if ((byte & 0xc0) !== 0x80) return count < lengthByFirst(byte) ? count : 0;
  }
  return 0;
}

/** Length of the character that begins with a byte; 1 if none begins with it. */
function lengthByFirst(byte: number): number {
  if (byte < 0xc2 || byte > 0xf4) return 1;
  return byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}
