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
  /** Bytes of the largest body for which there could ever be room. */
  readonly largestBody: number;
  /** A share that holds nothing yet. */
  open(): DiskShare;
  /** Sets the limit to `bytes`; `Infinity` for none. What is held stays held, even if it is more. */
  setLimit(bytes: number): void;
}

/** The part of the limit that bodies may take: announced bodies, of which little arrives, must not cost running jobs their outputs. */
const partOfBodies = 0.9;

/** Makes a limit of `limitBytes`; `Infinity` for none. */
export function createDisk(limitBytes: number): Disk {
  let limit = limitBytes;
  let held = 0;
  const mostWithBodies = () => Math.floor(partOfBodies * limit);
  return {
    get held() {
      return held;
    },
    get largestBody() {
      return mostWithBodies();
    },
    open() {
      let own = 0;
      let released = false;
      const takeUpTo = (most: number, bytes: number) => {
        if (released || held + bytes > most) return false;
        own += bytes;
        held += bytes;
        return true;
      };
      return {
        takeBody: (bytes) => takeUpTo(mostWithBodies(), bytes),
        take: (bytes) => takeUpTo(limit, bytes),
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
