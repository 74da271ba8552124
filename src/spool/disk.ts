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
  return new Space(limitBytes);
}

class Space implements Disk {
  held = 0;
  limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  get largestBody(): number {
    return Math.floor(partOfBodies * this.limit);
  }

  open(): DiskShare {
    return new RequestSpace(this);
  }

  setLimit(bytes: number): void {
    this.limit = bytes;
  }
}

/** A class, because one is created for every job. */
class RequestSpace implements DiskShare {
  readonly #space: Space;
  #own = 0;
  #released = false;

  constructor(space: Space) {
    this.#space = space;
  }

  takeBody(bytes: number): boolean {
    return this.#takeUpTo(this.#space.largestBody, bytes);
  }

  take(bytes: number): boolean {
    return this.#takeUpTo(this.#space.limit, bytes);
  }

  #takeUpTo(most: number, bytes: number): boolean {
    if (this.#released || this.#space.held + bytes > most) return false;
    this.#own += bytes;
    this.#space.held += bytes;
    return true;
  }

  release(): void {
    this.#released = true;
    this.#space.held -= this.#own;
    this.#own = 0;
  }
}
