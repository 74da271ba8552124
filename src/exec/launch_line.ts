/**
 * The one line that a launcher writes to stderr if it cannot start its command: a secret word, a space, and three digits, which
 * `launchFailure` of `not_started.ts` interprets. The line is not output of the command, so anything that may become that line
 * is held back.
 *
 * @module
 */

import type { PieceListener } from "./pipe.ts";
import type { Launcher } from "./start.ts";

/** Looks for the launcher's line at the beginning of stderr. */
export interface LaunchLine {
  /**
   * Takes a piece of stderr, and passes it on at once unless it may be the line or a part of it. Returns what the receiver
   * returns: a promise if the memory of the piece must not be reused before.
   */
  write(bytes: Uint8Array<ArrayBuffer>): void | Promise<void>;
  /**
   * To be called when the run is over. Returns the number of the line if the launcher could not start its command: such a
   * launcher exits with 126 or 127 and has written its line and nothing else. Returns undefined if the command was started;
   * then the bytes that were held back are passed on, and if the receiver returns a promise, the result is one. `outputBytes` is
   * the number of bytes from stdout.
   */
  end(
    exitStatus: number | undefined,
    outputBytes: number,
  ): number | undefined | Promise<undefined>;
}

/** Keeps a byte order mark, which is output of the command like any other bytes. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

const encoder = new TextEncoder();

/** Makes one for a new run. `passOn` is called with the bytes that are the command's own. */
export function createLaunchLine({ word }: Launcher, passOn: PieceListener): LaunchLine {
  return new HeldLine(word, passOn);
}

/** A class, because every job has one. */
class HeldLine implements LaunchLine {
  readonly #word: string;
  readonly #passOn: PieceListener;
  #held = "";
  #isOutput = false;

  constructor(word: string, passOn: PieceListener) {
    this.#word = word;
    this.#passOn = passOn;
  }

  write(bytes: Uint8Array<ArrayBuffer>): void | Promise<void> {
    if (!this.#isOutput) {
      const text = this.#held.length + bytes.length <= this.#length
        ? this.#held + decoder.decode(bytes)
        : undefined;
      if (text !== undefined && isBeginning(text, this.#word)) {
        this.#held = text;
        return;
      }
      const passed = this.#passOnHeld();
      if (passed) return passed.then(() => this.#passOn(bytes));
    }
    return this.#passOn(bytes);
  }

  end(
    exitStatus: number | undefined,
    outputBytes: number,
  ): number | undefined | Promise<undefined> {
    const failed = (exitStatus === 126 || exitStatus === 127) && outputBytes === 0 &&
      this.#held.length === this.#length;
    if (failed) return Number(this.#held.slice(this.#word.length, -1));
    const passed = this.#passOnHeld();
    return passed ? passed.then(() => undefined) : undefined;
  }

  /** Length of the launcher's line. */
  get #length(): number {
    return this.#word.length + " 000\n".length;
  }

  #passOnHeld(): void | Promise<void> {
    this.#isOutput = true;
    if (this.#held === "") return;
    const bytes = encoder.encode(this.#held);
    this.#held = "";
    return this.#passOn(bytes);
  }
}

/** Whether a launcher's line (its word, a space, three digits, a line feed) may begin with this text. */
function isBeginning(text: string, word: string): boolean {
  return word.startsWith(text) ||
    (text.startsWith(word) && /^ (\d{0,3}|\d{3}\n)$/.test(text.slice(word.length)));
}
