/**
 * The budget of bytes that are held in memory for requests, all of them together.
 *
 * A request holds its body while that comes, and its payload while it waits; then what its command puts out, the captures;
 * then these as its answer, until the client has taken it. A body counts with what has arrived of it, never with what is
 * announced, and is refused when the budget is short. What a command has put out is there and cannot be refused: it counts
 * too, but for half of the budget at most, so that jobs come in whatever happens to answers.
 *
 * @module
 */

import type { BufferedBytes } from "../../wire/status.ts";

/** What one request holds. Its body comes first, then what was captured, then the answer. */
export interface Share {
  /**
   * A body of `bytes` is announced, 0 for an unknown length. Says whether there is room for it now; nothing is taken.
   */
  expect(bytes: number): boolean;
  /** Makes the body's part `bytes` large; returns false and changes nothing if that would exceed the budget. */
  resize(bytes: number): boolean;
  /**
   * The body has been on its way for long: from now on, when the budget is short, it is let go and `giveUp` called, the
   * longest first.
   */
  lend(giveUp: () => void): void;
  /** The body is there: it is not let go any more. */
  keep(): void;
  /** So many more bytes of the command's output are held. */
  captured(bytes: number): void;
  /** What was captured is the answer now. */
  answer(): void;
  /** So many bytes of the answer are not held any more; more than there are count as all. */
  taken(bytes: number): void;
  /** Gives everything back. Idempotent. */
  release(): void;
}

/** See the module's head. */
export interface Buffers {
  /** Bytes held now. */
  readonly held: BufferedBytes;
  /** Bytes of the largest body that could ever be taken in. */
  readonly largestBody: number;
  /** A share that holds nothing yet. */
  open(): Share;
}

/** Bodies up to this size have a tenth of the budget to themselves. */
const smallBodyBytes = 64 * 1024;

/** Makes a budget of `limit` bytes; `Infinity` for none. */
export function createBuffers(limit: number): Buffers {
  return new Budget(limit);
}

class Budget implements Buffers {
  readonly held = { bodies: 0, captures: 0, answers: 0 };
  readonly #limit: number;
  readonly #mostOfLarge: number;
  readonly largestBody: number;
  /** Uploads that may be let go, those that began first at the front. */
  readonly lent = new Set<RequestShare>();

  constructor(limit: number) {
    this.#limit = limit;
    this.#mostOfLarge = 0.9 * limit;
    this.largestBody = Math.max(Math.min(limit, smallBodyBytes), Math.floor(this.#mostOfLarge));
  }

  open(): Share {
    return new RequestShare(this);
  }

  /** Bytes that are missing for `more` bytes of a body; 0 or less when there is room. */
  #missing(more: number, isSmall: boolean): number {
    const { bodies, captures, answers } = this.held;
    const ofResults = Math.min(captures + answers, this.#limit / 2);
    return bodies + ofResults + more - (isSmall ? this.#limit : this.#mostOfLarge);
  }

  /** Uploads that have had their time and must go for `more` bytes of a share; undefined when that would be of no use. */
  leavingFor(more: number, share: RequestShare, isSmall: boolean): RequestShare[] | undefined {
    let missing = this.#missing(more, isSmall);
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

/** A class, because every job has one. */
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

  /** Lets the body go and tells its reader. */
  giveUp(): void {
    const tell = this.#giveUp;
    this.keep();
    this.resize(0);
    tell?.();
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
