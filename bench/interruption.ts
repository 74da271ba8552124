/**
 * Signals that ask the benchmark to end early.
 *
 * @module
 */

import { BenchFailure } from "./failure.ts";

/** Aborts when a signal asks this process to end. */
export interface Interruption extends Disposable {
  /** Its reason is a `BenchFailure` that names the signal. */
  readonly signal: AbortSignal;
}

/**
 * Listens from now on until disposed of. Without it a signal would kill this process at once, and the
 * server, which is a process of its own, would go on running.
 */
export function listenForInterruption(): Interruption {
  const controller = new AbortController();
  const handlers = (["SIGINT", "SIGTERM", "SIGHUP"] as const).map((name) => {
    const handler = () => controller.abort(new BenchFailure(`interrupted by ${name}`));
    Deno.addSignalListener(name, handler);
    return { name, handler };
  });
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const { name, handler } of handlers) Deno.removeSignalListener(name, handler);
    },
  };
}
