/**
 * Shows the progress of a request at a terminal.
 *
 * @module
 */

import { oneLine } from "../config/shown.ts";

/** The progress of one request. Without a terminal nothing is shown. */
export interface Progress extends Disposable {
  /** To be called when this many more bytes were handed over. */
  sent(bytes: number): void;
  /** To be called when the whole request was handed over. */
  waiting(): void;
  /** To be called when the job waits at this place, from 1. */
  queued(place: number): void;
  /** To be called when the command runs, of which nothing more is known. */
  started(): void;
  /** To be called when the command says how far it is. */
  reached(percent: number, text: string): void;
  /** To be called before these bytes are written to standard output or standard error, which may be the same terminal. */
  makeRoom(bytes: Uint8Array): void;
}

/** Smaller uploads, in bytes, end before a bar could be read. */
const bigUpload = 2 ** 20;

/** Time between two refreshes. */
const refreshMs = 200;

const lineFeed = 0x0a;

/** Shows progress on standard error; `total` is the size of the request in bytes. */
export function showProgress(total: number): Progress {
  if (!Deno.stderr.isTerminal()) return hidden;
  const encoder = new TextEncoder();
  const startedAt = performance.now();
  let sentBytes = 0;
  let line = () => sentBytes >= bigUpload ? progressLine("sending", sentBytes, total) : "";
  let shown = "";
  /** Whether the terminal's cursor is within a line of the command's output, which must not be overwritten. */
  let isWithinLine = false;
  const show = (line: string) => {
    if (line === shown) return;
    shown = line;
    // Returns to the first column, and clears the line to the right of the cursor (ECMA-48, EL).
    Deno.stderr.writeSync(encoder.encode(`\r${line}\x1b[K`));
  };
  const timer = setInterval(() => isWithinLine || show(line()), refreshMs);
  const seconds = () => Math.floor((performance.now() - startedAt) / 1000);
  return {
    sent: (bytes) => void (sentBytes += bytes),
    waiting: () => void (line = () => `waiting for the result: ${seconds()} s`),
    queued: (place) =>
      void (line = () => `waiting in the queue, at place ${place}: ${seconds()} s`),
    started: () => void (line = () => ""),
    reached: (percent, text) =>
      void (line = () => `${progressLine("running", percent, 100)} ${shortText(text)}`.trimEnd()),
    makeRoom(bytes) {
      if (shown !== "") show("");
      if (bytes.length > 0) isWithinLine = bytes.at(-1) !== lineFeed;
    },
    [Symbol.dispose]() {
      clearInterval(timer);
      if (shown !== "") show("");
    },
  };
}

const hidden: Progress = {
  sent() {},
  waiting() {},
  queued() {},
  started() {},
  reached() {},
  makeRoom() {},
  [Symbol.dispose]() {},
};

const barWidth = 30;

/** A line such as `sending [#####     ] 50 %`. */
export function progressLine(verb: string, done: number, total: number): string {
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const bar = "#".repeat(Math.round(share * barWidth)).padEnd(barWidth);
  return `${verb} [${bar}] ${Math.floor(share * 100)} %`;
}

/** How much of a command's text is shown, in characters: with the bar, less than the narrowest usual terminal. */
const maxTextLength = 32;

/** The beginning of a text, without what could control the terminal. */
function shortText(text: string): string {
  return oneLine([...text].slice(0, maxTextLength).join("")).slice(0, maxTextLength);
}
