/**
 * What a person at a terminal sees while a job is sent and waited for.
 *
 * @module
 */

/** See the module's head. Without a terminal nothing is shown. */
export interface Progress extends Disposable {
  /** So many bytes were handed over. */
  sent(bytes: number): void;
  /** Everything was. */
  waiting(): void;
}

/** Uploads below this are over before a bar could be read. */
const bigUpload = 2 ** 20;

/** Between two refreshes. */
const refreshMs = 200;

/** Shows on standard error. */
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
    // Back to the first column, and clear what is right of the cursor (ECMA-48, EL).
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

/** Such as `sending [#####     ] 50 %`. */
export function progressLine(sent: number, total: number): string {
  const share = total === 0 ? 1 : Math.min(1, sent / total);
  const bar = "#".repeat(Math.round(share * barWidth)).padEnd(barWidth);
  return `sending [${bar}] ${Math.floor(share * 100)} %`;
}
