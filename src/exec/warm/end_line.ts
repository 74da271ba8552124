/**
 * Finds the end of a job in a stream of a warm process: the byte 0x1E, a word that is new for each job, a space, the exit status
 * (0 to 255), ` leaving` if the process does so, CR if it likes, and LF. All bytes before it are the job's own, whatever they
 * are, and are passed on at once, apart from those that may begin an end line. `docs/reference/warm-protocol.md` specifies it.
 *
 * @module
 */

import type { PieceListener } from "../pipe.ts";

/** What an end line says. */
export interface JobEnd {
  /** Exit status of the job. */
  readonly status: number;
  /** Whether the process serves no further job. */
  readonly leaving: boolean;
}

/** A job as its streams see it. */
export interface StreamJob {
  /** The word of its end lines: 32 hexadecimal digits. */
  readonly word: string;
  /** The word of the job before it; undefined for the first. */
  readonly wordBefore: string | undefined;
  /** Called with the bytes of the job. */
  readonly passOn: PieceListener;
  /** Called when all of them have been passed on and the end line was there. */
  onEnd(end: JobEnd): void;
  /** Called with the number of bytes that are dropped: those behind the end line, and end lines of the job before. */
  onStray(bytes: number): void;
}

/** The byte that begins an end line. It occurs in no other place of one, so no byte can begin two candidates. */
const begin = 0x1e;

const space = 0x20;
const lineFeed = 0x0a;

/** Length of a word. */
const wordLength = 32;

/** Where the status begins, behind the word and the space. */
const tailAt = 1 + wordLength + 1;

/** Length of the longest end line. */
const longest = tailAt + "255 leaving\r\n".length;

const decoder = new TextDecoder();

/** Makes the word of a job: 128 random bits. */
export function newWord(): string {
  return crypto.getRandomValues(new Uint8Array(wordLength / 2)).toHex();
}

/** Passes bytes on, or reports something; a promise if the listener is slow. */
type Step = () => void | Promise<void>;

/** One stream of a job. A class, because every job has two. */
export class JobStream {
  readonly #job: StreamJob;
  /** The candidate: bytes that may be the beginning of an end line. */
  readonly #candidate = new Uint8Array(longest);
  #length = 0;
  /** How many bytes of the candidate came with earlier pieces, whose memory is reused. */
  #held = 0;
  /** Whether the candidate may have the word of this job, and that of the job before. */
  #isOurs = false;
  #isLate = false;
  #ended = false;

  /** Makes one for the bytes that come from now on. */
  constructor(job: StreamJob) {
    this.#job = job;
  }

  /** Whether the end line has been found. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Takes a piece of the stream. If it returns a promise, the memory of the piece must not be reused before that resolves. */
  write(bytes: Uint8Array<ArrayBuffer>): void | Promise<void> {
    const job = this.#job;
    if (this.#ended) return job.onStray(bytes.length);
    const steps: Step[] = [];
    const passOn = (own: Uint8Array<ArrayBuffer>) => {
      if (own.length > 0) steps.push(() => job.passOn(own));
    };
    /** Where the bytes begin that are in no step yet. */
    let from = 0;
    let at = this.#length > 0 ? 0 : this.#next(bytes, 0);
    while (at < bytes.length) {
      const end = this.#take(bytes[at] as number);
      if (end === "no") {
        if (this.#held > 0) passOn(this.#candidate.slice(0, this.#held));
        this.#drop();
        at = this.#next(bytes, at);
        continue;
      }
      at++;
      if (end === "perhaps") continue;
      const length = this.#length;
      passOn(bytes.subarray(from, at - (length - this.#held)));
      this.#drop();
      from = at;
      if (this.#isOurs) {
        this.#ended = true;
        steps.push(() => job.onEnd(end));
        if (at < bytes.length) steps.push(() => job.onStray(bytes.length - at));
        return inOrder(steps);
      }
      steps.push(() => job.onStray(length));
      at = this.#next(bytes, at);
    }
    passOn(bytes.subarray(from, bytes.length - (this.#length - this.#held)));
    this.#held = this.#length;
    return inOrder(steps);
  }

  /** Passes on what is held back, because the job has ended without an end line. */
  flush(): void | Promise<void> {
    if (this.#length === 0) return;
    const own = this.#candidate.slice(0, this.#length);
    this.#drop();
    return this.#job.passOn(own);
  }

  /** Adds a byte to the candidate, unless that cannot be the beginning of an end line any more. Returns the end if it is whole. */
  #take(byte: number): JobEnd | "perhaps" | "no" {
    const at = this.#length;
    if (at > 0 && byte === begin) return "no";
    if (at === 0) {
      this.#isOurs = true;
      this.#isLate = this.#job.wordBefore !== undefined;
    } else if (at <= wordLength) {
      this.#isOurs &&= byte === this.#job.word.charCodeAt(at - 1);
      this.#isLate &&= byte === this.#job.wordBefore?.charCodeAt(at - 1);
      if (!this.#isOurs && !this.#isLate) return "no";
    } else if (at === tailAt - 1 ? byte !== space : at === longest) {
      return "no";
    }
    this.#candidate[at] = byte;
    this.#length++;
    if (byte !== lineFeed) return "perhaps";
    return endIn(decoder.decode(this.#candidate.subarray(tailAt, this.#length))) ?? "no";
  }

  /**
   * Where the next candidate begins; the length of the bytes if nowhere. A job may write any number of false ones, so those are
   * skipped quickly.
   */
  #next(bytes: Uint8Array, from: number): number {
    const { word, wordBefore } = this.#job;
    const first = bytes.indexOf(begin, from);
    if (first < 0) return bytes.length;
    for (let at = first; at < bytes.length; at++) {
      if (bytes[at] !== begin) continue;
      if (goesOn(bytes, at + 1, word)) return at;
      if (wordBefore !== undefined && goesOn(bytes, at + 1, wordBefore)) return at;
    }
    return bytes.length;
  }

  #drop(): void {
    this.#length = 0;
    this.#held = 0;
  }
}

/** Whether bytes go on with a word behind this place, as far as they go. */
function goesOn(bytes: Uint8Array, from: number, word: string): boolean {
  const length = Math.min(word.length, bytes.length - from);
  for (let at = 0; at < length; at++) {
    if (bytes[from + at] !== word.charCodeAt(at)) return false;
  }
  return true;
}

/** What an end line says behind its word; undefined if it is none. */
function endIn(tail: string): JobEnd | undefined {
  const [, digits, leaving] = /^(\d{1,3})( leaving)?\r?\n$/.exec(tail) ?? [];
  const status = Number(digits);
  return status <= 255 ? { status, leaving: leaving !== undefined } : undefined;
}

function inOrder(steps: readonly Step[]): void | Promise<void> {
  for (const [index, step] of steps.entries()) {
    const done = step();
    if (done) return done.then(() => inOrder(steps.slice(index + 1)));
  }
}
