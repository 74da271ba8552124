/**
 * The budget of bytes held in memory for all requests together.
 *
 * A request holds its body while that arrives, and its payload while it waits; then the output of its command, the captures;
 * then the answer that is made of the captures, until the client has read it. A body counts with the bytes that have
 * arrived, never with the announced length, and is refused if the budget has no room. Output of a command already exists and
 * cannot be refused: it counts too, but at most for half of the budget, so that jobs are admitted even while clients do not
 * read their answers.
 *
 * @module
 */

import type { BufferedBytes } from "../../wire/status.ts";

/** The bytes that one request holds: first its body, then the captures, then the answer. */
export interface Share {
  /** Announces a body of `bytes`, 0 for an unknown length. Returns whether there is room for it now; reserves nothing. */
  expect(bytes: number): boolean;
  /** Sets the body's part to `bytes`; returns false and changes nothing if that would exceed the budget. */
  resize(bytes: number): boolean;
  /**
   * Allows this slow upload to be given up: if the budget has no room for another body, the upload that was lent first is
   * released and its `giveUp` called.
   */
  lend(giveUp: () => void): void;
  /** The body has arrived: it can no longer be given up. */
  keep(): void;
  /** Adds bytes of the command's output; a negative number removes some. */
  captured(bytes: number): void;
  /** The captures become the answer. */
  answer(): void;
  /** Removes bytes of the answer; a number larger than the answer removes all of it. */
  taken(bytes: number): void;
  /** Releases everything. Idempotent. */
  release(): void;
}

/** See the module's head. */
export interface Buffers {
  /** Bytes held now. */
  readonly held: BufferedBytes;
  /** Bytes of the largest body for which there could ever be room under the present limit. */
  readonly largestBody: number;
  /** A share that holds nothing yet. */
  open(): Share;
  /**
   * Sets the budget to `limit` bytes; `Infinity` for no limit. What is held stays held, even if it is more; bytes that arrive
   * afterwards are judged by the new limit, also those of a body that has begun to arrive.
   */
  setLimit(limit: number): void;
}

/** Bodies up to this size have a tenth of the budget to themselves. */
const smallBodyBytes = 64 * 1024;

/** Creates a budget of `limit` bytes; `Infinity` for no limit. */
export function createBuffers(limit: number): Buffers {
  return new Budget(limit);
}

class Budget implements Buffers {
  readonly held = { bodies: 0, captures: 0, answers: 0 };
  #limit: number;
  /** Uploads that may be given up, in the order in which they were lent. */
  readonly lent = new Set<RequestShare>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get largestBody(): number {
    return Math.max(Math.min(this.#limit, smallBodyBytes), Math.floor(this.#mostOfLarge));
  }

  get #mostOfLarge(): number {
    return 0.9 * this.#limit;
  }

  setLimit(limit: number): void {
    this.#limit = limit;
  }

  open(): Share {
    return new RequestShare(this);
  }

  /** Bytes that are missing for `more` bytes of a body; 0 or less if there is room. */
  #missing(more: number, isSmall: boolean): number {
    const { bodies, captures, answers } = this.held;
    const ofResults = Math.min(captures + answers, this.#limit / 2);
    return bodies + ofResults + more - (isSmall ? this.#limit : this.#mostOfLarge);
  }

  /** Lent uploads that must be given up to make room for `more` bytes of a share; undefined if that would not be enough. */
  leavingFor(
    more: number,
    share: RequestShare,
    isSmall: boolean,
  ): readonly RequestShare[] | undefined {
    let missing = this.#missing(more, isSmall);
    if (missing <= 0) return nobody;
    const leaving: RequestShare[] = [];
    for (const lender of this.lent) {
      if (missing <= 0) break;
      if (lender === share) return undefined;
      missing -= lender.bodyBytes;
      leaving.push(lender);
    }
    return missing <= 0 ? leaving : undefined;
  }
}

const nobody: readonly RequestShare[] = [];

/** A class, because one is created for every job. */
class RequestShare implements Share {
  readonly #budget: Budget;
  #announced = 0;
  #body = 0;
  #captures = 0;
  #answer = 0;
  #giveUp: (() => void) | undefined;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  get bodyBytes(): number {
    return this.#body;
  }

  expect(bytes: number): boolean {
    this.#announced = bytes;
    return this.#budget.leavingFor(bytes, this, bytes <= smallBodyBytes) !== undefined;
  }

  resize(bytes: number): boolean {
    const isSmall = Math.max(bytes, this.#announced) <= smallBodyBytes;
    const more = bytes - this.#body;
    if (more > 0) {
      const leaving = this.#budget.leavingFor(more, this, isSmall);
      if (!leaving) return false;
      for (const lender of leaving) lender.giveUp();
    }
    this.#body = bytes;
    this.#budget.held.bodies += more;
    return true;
  }

  lend(giveUp: () => void): void {
    this.#giveUp = giveUp;
    this.#budget.lent.add(this);
  }

  keep(): void {
    if (this.#giveUp) this.#budget.lent.delete(this);
    this.#giveUp = undefined;
  }

  /** Releases the body and calls its `giveUp`. */
  giveUp(): void {
    const onGivenUp = this.#giveUp;
    this.keep();
    this.resize(0);
    onGivenUp?.();
  }

  captured(bytes: number): void {
    this.#captures += bytes;
    this.#budget.held.captures += bytes;
  }

  answer(): void {
    const bytes = this.#captures;
    this.captured(-bytes);
    this.#answers(bytes);
  }

  taken(bytes: number): void {
    this.#answers(-Math.min(bytes, this.#answer));
  }

  #answers(more: number): void {
    this.#answer += more;
    this.#budget.held.answers += more;
  }

  release(): void {
    this.keep();
    this.resize(0);
    this.captured(-this.#captures);
    this.taken(this.#answer);
  }
}
