/**
 * Writes lines, without blocking, to a sink that may be slow or may have stopped accepting data.
 *
 * @module
 */

import { atMost } from "../async/at_most.ts";

/** Where lines go; `Deno.stderr` is one. */
export interface Sink {
  /** Writes some of the bytes and resolves with how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/** Writes lines in the background. */
export interface LineWriter {
  /** Accepts whole lines and returns at once. Lines of one call are written together. */
  write(lines: readonly string[]): void;
  /** Resolves when everything accepted so far is written or lost, or after `ms`. */
  flush(ms: number): Promise<void>;
}

/** Maximum number of characters that wait. Lines beyond it are dropped and counted. */
const mostWaiting = 2 ** 20;

/** `lost` makes the line that reports how many lines were lost. */
export function createLineWriter(sink: Sink, lost: (count: number) => string): LineWriter {
  const encoder = new TextEncoder();
  let waiting = "";
  let lostLines = 0;
  let pumping: Promise<void> | undefined;

  async function pump(): Promise<void> {
    while (waiting !== "" || lostLines > 0) {
      const text = waiting + (lostLines > 0 ? lost(lostLines) : "");
      waiting = "";
      lostLines = 0;
      try {
        let rest = encoder.encode(text);
        while (rest.length > 0) rest = rest.subarray(await sink.write(rest));
      } catch {
        // There is nothing left to report it to.
      }
    }
    pumping = undefined;
  }

  return {
    write(lines) {
      for (const line of lines) {
        if (waiting.length + line.length > mostWaiting) lostLines++;
        else waiting += line;
      }
      if (lines.length > 0) pumping ??= pump();
    },
    flush: (ms) => atMost(ms, pumping),
  };
}
