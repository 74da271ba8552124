/**
 * The signals that ask the program to stop.
 *
 * @module
 */

/** They come one at a time. */
export interface Signals extends Disposable {
  /** The next one; one that came earlier and was not asked for yet counts. */
  next(): Promise<Deno.Signal>;
}

/**
 * Signals that come so soon after one another are one: Ctrl-C in a terminal reaches the program directly and, when
 * `deno task` or make started it, once more through them.
 */
const sameMs = 500;

/**
 * Signals that stop a process in the background that uses its terminal. A command in the server's session can bring them
 * on the server; who listens is not stopped.
 */
const stopping: readonly Deno.Signal[] = ["SIGTTIN", "SIGTTOU"];

/** Listens until disposed of: Ctrl-C and SIGTERM; on Windows Ctrl-C and Ctrl-Break. */
export function listenForSignals(): Signals {
  const names: readonly Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM"];
  const came: Deno.Signal[] = [];
  let wake: (() => void) | undefined;
  let last = -Infinity;
  const handlers = names.map((name) => {
    const handler = () => {
      const now = performance.now();
      if (now - last < sameMs) return;
      last = now;
      came.push(name);
      wake?.();
    };
    return { name, handler };
  });
  if (Deno.build.os !== "windows") {
    handlers.push(...stopping.map((name) => ({ name, handler: () => {} })));
  }
  for (const { name, handler } of handlers) Deno.addSignalListener(name, handler);
  return {
    async next() {
      while (came.length === 0) await new Promise<void>((resolve) => wake = resolve);
      return came.shift() as Deno.Signal;
    },
    [Symbol.dispose]() {
      for (const { name, handler } of handlers) Deno.removeSignalListener(name, handler);
    },
  };
}
