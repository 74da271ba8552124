/**
 * The disk space that the files of all requests hold together in the spool.
 *
 * @module
 */

import type { DiskShare } from "../jobs/job.ts";

/** A limit on that space. */
export interface Disk {
  /** Bytes held now. */
  readonly held: number;
  /** Bytes that may be held. */
  readonly limit: number;
  /** A share that holds nothing yet. */
  open(): DiskShare;
  /** Sets the limit to `bytes`; `Infinity` for none. What is held stays held, even if it is more. */
  setLimit(bytes: number): void;
}

/** Makes a limit of `limitBytes`; `Infinity` for none. */
export function createDisk(limitBytes: number): Disk {
  let limit = limitBytes;
  let held = 0;
  return {
    get held() {
      return held;
    },
    get limit() {
      return limit;
    },
    open() {
      let own = 0;
      let released = false;
      return {
        take(bytes) {
          if (released || held + bytes > limit) return false;
          own += bytes;
          held += bytes;
          return true;
        },
        release() {
          released = true;
          held -= own;
          own = 0;
        },
      };
    },
    setLimit(bytes) {
      limit = bytes;
    },
  };
}
