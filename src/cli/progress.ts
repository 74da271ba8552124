/**
 * Shows the progress of a request at a terminal.
 *
 * @module
 */

/** The progress of one request. Without a terminal nothing is shown. */
export interface Progress extends Disposable {
  /** To be called when this many more bytes were handed over. */
  sent(bytes: number): void;
  /** To be called when the whole payload was handed over. */
  waiting(): void;
}

/** Smaller uploads, in bytes, end before a bar could be read. */
const bigUpload = 2 ** 20;

/** Time between two refreshes. */
const refreshMs = 200;

/** Shows progress on standard error; `total` is the size of the payload in bytes. */
export function showProgress(total: number): Progress {
  if (!Deno.stderr.isTerminal()) return { sent() {}, waiting() {}, [Symbol.dispose]() {} };
  const encoder = new TextEncoder();
  const startedAt = performance.now();
  let sentBytes = 0;
  let isWaiting = false;
  let shown = "";
  const show = (line: string) => {
    if (line === shown) return;
    shown = line;
    // Returns to the first column, and clears the line to the right of the cursor (ECMA-48, EL).
    Deno.stderr.writeSync(encoder.encode(`\r${line}\x1b[K`));
  };
  const timer = setInterval(() => {
    const seconds = Math.floor((performance.now() - startedAt) / 1000);
    if (isWaiting) show(`waiting for the result: ${seconds} s`);
    else if (sentBytes >= bigUpload) show(progressLine(sentBytes, total));
  }, refreshMs);
  return {
    sent: (bytes) => void (sentBytes += bytes),
    waiting: () => void (isWaiting = true),
    [Symbol.dispose]() {
      clearInterval(timer);
      if (shown !== "") show("");
    },
  };
}

const barWidth = 30;

/** A line such as `sending [#####     ] 50 %`. */
export function progressLine(sent: number, total: number): string {
  const share = total === 0 ? 1 : Math.min(1, sent / total);
  const bar = "#".repeat(Math.round(share * barWidth)).padEnd(barWidth);
  return `sending [${bar}] ${Math.floor(share * 100)} %`;
}
