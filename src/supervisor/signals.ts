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

/** How the surroundings want a hang-up (SIGHUP) to be taken. */
export interface HangUp {
  /** It was ignored when the program started, as nohup(1) has it. */
  readonly ignored: boolean;
  /** A standard stream is a terminal, so it means that the terminal was closed. */
  readonly atTerminal: boolean;
}

/** To be called before there is a listener for any signal: then the runtime handles SIGHUP, whoever ignored it. */
export function hangUpHere(): HangUp {
  return {
    ignored: ignoresHangUp(),
    atTerminal: [Deno.stdin, Deno.stdout, Deno.stderr].some((stream) => stream.isTerminal()),
  };
}

/** The lowest bit of `SigIgn` is signal 1, SIGHUP (proc_pid_status(5)). False where that cannot be found out. */
function ignoresHangUp(): boolean {
  if (Deno.build.os !== "linux") return false;
  const [, ignored] = /^SigIgn:\s*([0-9a-f]+)$/m.exec(Deno.readTextFileSync("/proc/self/status")) ??
    [];
  return (BigInt(`0x${ignored ?? 0}`) & 1n) === 1n;
}

/**
 * Listens until disposed of: Ctrl-C, SIGTERM, SIGQUIT, and SIGHUP of a terminal that is closed; on Windows Ctrl-C and
 * Ctrl-Break. Commands with a session of their own do not hear any of these. Another SIGHUP is told to `onHangUp`.
 */
export function listenForSignals({ ignored, atTerminal }: HangUp, onHangUp: () => void): Signals {
  const came: Deno.Signal[] = [];
  let wake: (() => void) | undefined;
  let last = -Infinity;

  function stop(name: Deno.Signal): void {
    const now = performance.now();
    if (now - last < sameMs) return;
    last = now;
    came.push(name);
    wake?.();
  }

  const stops: readonly Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM", "SIGQUIT", ...(atTerminal && !ignored ? ["SIGHUP" as const] : [])];
  const handlers = new Map<Deno.Signal, () => void>(stops.map((name) => [name, () => stop(name)]));
  if (Deno.build.os !== "windows") {
    for (const name of stopping) handlers.set(name, () => {});
    if (!handlers.has("SIGHUP")) handlers.set("SIGHUP", ignored ? () => {} : onHangUp);
  }
  for (const [name, handler] of handlers) Deno.addSignalListener(name, handler);
  return {
    async next() {
      while (came.length === 0) await new Promise<void>((resolve) => wake = resolve);
      return came.shift() as Deno.Signal;
    },
    [Symbol.dispose]() {
      for (const [name, handler] of handlers) Deno.removeSignalListener(name, handler);
    },
  };
}
