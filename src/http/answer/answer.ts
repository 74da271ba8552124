/**
 * The answer to a job that ran, before it is sent.
 *
 * @module
 */

import { freeMemory } from "../../async/bytes.ts";
import type { Captured, StoredFile } from "../../jobs/job.ts";
import type { Encoded } from "../../wire/result.ts";

/** An answer, ready to be sent. Whoever has it sends the body or frees it. */
export interface ResultAnswer {
  /** Status code. */
  readonly status: number;
  /** Its headers, Content-Type and Content-Length included. */
  readonly headers: Readonly<Record<string, string>>;
  /** The result. */
  readonly body: AnswerBody;
}

/** An answer whose body is text. */
export interface TextAnswer extends ResultAnswer {
  /** The text. */
  readonly body: Encoded;
}

/**
 * A header of answers that can be large: otherwise nginx takes all that it can, up to 1 GiB on its own disk, however slowly the
 * client reads.
 */
export const unbuffered = { "x-accel-buffering": "no" } as const;

/** A body: text that is made while it is read, or bytes. */
export type AnswerBody = Encoded | StoredBody;

/** A body of bytes in memory and in files. */
export interface StoredBody {
  /** Length of the whole body. */
  readonly byteLength: number;
  /** Its parts, in their order. */
  readonly parts: readonly BodyPart[];
  /** Closes the files. */
  free(): void;
}

/** A part of a body. */
export type BodyPart = Uint8Array<ArrayBuffer> | StoredFile;

/** Makes a body of these parts. */
export function storedBody(parts: readonly BodyPart[]): StoredBody {
  return {
    byteLength: parts.reduce((sum, { length }) => sum + length, 0),
    parts,
    free() {
      for (const part of parts) if (!(part instanceof Uint8Array)) part.close();
    },
  };
}

/** The part of a body that a capture is. */
export function partOf({ bytes, file }: Captured): BodyPart {
  return file ?? bytes;
}

/** Frees captures that are not sent: `onReleased` is called with the number of bytes that this frees in memory. */
export function dropCaptures(
  captures: readonly Captured[],
  onReleased: (bytes: number) => void,
): void {
  for (const { bytes, file } of captures) {
    file?.close();
    const { length } = bytes;
    freeMemory(bytes);
    if (length > 0) onReleased(length);
  }
}
