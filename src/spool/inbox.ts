/**
 * Receives the body of a request into the folder of its job, before a worker is known.
 *
 * @module
 */

import type { JobInput } from "../jobs/job.ts";

/** A file that is being written. Its bytes are gathered and written in large pieces. */
export interface FileWriter {
  /** Name of the file in its folder. */
  readonly name: string;
  /** Number of bytes so far. */
  readonly length: number;
  /**
   * Adds bytes, whose memory may be reused when the promise has resolved. To be called after the one before has resolved.
   * Rejects with a `DiskFullError` if the disk is full, and with errors of the file system.
   */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Writes what is left and closes the file; rejects as `write` does. */
  end(): Promise<void>;
}

/** The folder of a job whose request is arriving. Either one body is written into it, or parts. */
export interface Inbox {
  /** Begins the file of a whole body. `expected` is its length in bytes, 0 if that is not known. */
  openBody(expected: number): Promise<FileWriter>;
  /** Begins the next file of a form: `001`, `002` and so on, with the suffix of the command's request files. */
  openPart(): Promise<FileWriter>;
  /**
   * Completes the payload. `list` is the text of `parts.json` if the files are parts of a form; if there is none among them, an
   * empty one is made. All files must have ended. From then on the folder belongs to the job's run.
   */
  complete(list?: string): Promise<JobInput>;
  /** Closes what is open and removes everything, unless the folder belongs to a run. Idempotent; does not reject. */
  discard(): Promise<void>;
}

/** There is no room on the disk (ENOSPC), or the user may not have more (EDQUOT). */
export class DiskFullError extends Error {
  /** Name of this kind of error. */
  override readonly name = "DiskFullError";
}
