/**
 * Copies a job's payload into the standard input of its command.
 *
 * @module
 */

import type { RegularFile } from "../spool/regular_file.ts";

/** A copy that is being made. */
export interface StdinCopy {
  /** Resolves when the pipe and the file are closed. Never rejects. */
  readonly done: Promise<void>;
  /** Whether `done` has resolved, or is about to. */
  readonly ended: boolean;
  /** Why the file could not be read to its end; undefined if it was, or if the command did not want all of it. */
  readonly failure: Error | undefined;
  /** Writes nothing more. The pipe stays open while a write is pending: the runtime cannot break that off. */
  stop(): void;
}

/** Size of the pieces in bytes. */
const pieceBytes = 256 * 1024;

/**
 * Starts to copy a file, as long as it is now, into a pipe, and closes both at the end. A command may close the pipe, or end,
 * before it has read everything.
 */
export function copyToStdin(
  file: RegularFile,
  stdin: WritableStream<Uint8Array<ArrayBuffer>>,
): StdinCopy {
  const writer = stdin.getWriter();
  let stopped = false;
  let ended = false;
  let failure: Error | undefined;

  async function readPiece(memory: Uint8Array<ArrayBuffer>): Promise<number> {
    try {
      return await file.read(memory);
    } catch (error) {
      failure = error as Error;
      return 0;
    }
  }

  async function copy(): Promise<void> {
    const memory = new Uint8Array(Math.min(file.length, pieceBytes));
    try {
      for (let left = file.length; left > 0 && !stopped;) {
        const length = await readPiece(memory.subarray(0, left));
        if (length === 0) break;
        await writer.write(memory.subarray(0, length));
        left -= length;
      }
      await writer.close();
    } catch {
      // EPIPE: nobody reads any more. The runtime has closed the pipe.
    }
    file.close();
    ended = true;
  }

  return {
    done: copy(),
    get ended() {
      return ended;
    },
    get failure() {
      return failure;
    },
    stop() {
      stopped = true;
    },
  };
}
