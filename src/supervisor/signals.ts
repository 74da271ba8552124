/**
 * What each signal does to the program. `docs/reference/signals.md` has the same list for users.
 *
 * @module
 */

/** What arriving signals lead to. */
export interface Signals {
  /** Resolves with the next signal that asks the program to stop; one that arrived before the call counts. */
  next(): Promise<Deno.Signal>;
}

/**
 * Signals less than this time apart count as one: Ctrl-C in a terminal reaches the program directly and, if `deno task` or
 * make started it, once more through them.
 */
const sameMs = 500;

/**
 * What a signal does: `stop` counts as the first or the second signal; `drain` counts only as the first; `reload` reads the
 * configuration again, unless the terminal was closed: then it is the same as `stop`; `logged` is only logged; `nothing` has no
 * effect.
 */
type Effect = "stop" | "drain" | "reload" | "logged" | "nothing";

/**
 * Without a listener each of these signals would end the program at once, with its jobs unanswered and its files left
 * behind, or suspend it. What SIGHUP does depends on `Inherited`. A signal that is caught is reset to its default in commands
 * (execve(2)).
 *
 * The program does not listen for the other signals of signal(7). SIGKILL and SIGSTOP cannot be caught. The runtime reserves
 * SIGSEGV, SIGILL and SIGFPE, and does not know real-time signals. SIGABRT, SIGBUS, SIGTRAP and SIGSYS mean that the program
 * is broken or hangs (systemd's watchdog sends SIGABRT): it must end even if it can no longer listen. SIGTSTP suspends it
 * until SIGCONT. The runtime ignores SIGPIPE; SIGURG and SIGWINCH do nothing by default.
 */
const unixEffects: Readonly<Partial<Record<Deno.Signal, Effect>>> = {
  SIGTERM: "stop",
  // Ctrl-C and Ctrl-\ at a terminal.
  SIGINT: "stop",
  SIGQUIT: "stop",
  // A timer set by the program that started this one survives execve: alarm(2).
  SIGALRM: "stop",
  // Power failure; LXC also uses it to stop the first process of a container.
  SIGPWR: "stop",
  // The soft limit of CPU time (RLIMIT_CPU) is reached. It is sent again each second, until SIGKILL at the hard limit.
  SIGXCPU: "drain",
  // Without a listener the runtime ends the program or opens a debugger (see `shutOutDebugger`).
  SIGUSR1: "logged",
  SIGUSR2: "logged",
  SIGIO: "logged",
  SIGPROF: "logged",
  SIGVTALRM: "logged",
  SIGSTKFLT: "logged",
  // A write beyond the file size limit (RLIMIT_FSIZE) fails with EFBIG, as any other write can fail.
  SIGXFSZ: "nothing",
  // If it was ignored at the start, the system would discard the exit status of commands (wait(2), ECHILD). Otherwise there is no
  // listener: each end of a command would wake both isolates, which is a fifteenth of the CPU of a small job.
  SIGCHLD: "nothing",
  // They suspend background processes that use their terminal. A command in the server's session can cause the server to get them.
  SIGTTIN: "nothing",
  SIGTTOU: "nothing",
};

/** Signals that other systems do not have. */
const onlyOnLinux: ReadonlySet<string> = new Set(["SIGPWR", "SIGSTKFLT"]);

/**
 * A listener could not delay the end after a closed console, a logoff or a shutdown: the runtime reports to Windows at once
 * that it has handled them.
 */
const windowsEffects: typeof unixEffects = { SIGINT: "stop", SIGBREAK: "stop" };

function effectsHere(
  { ignored, atTerminal }: Inherited,
  reloads: boolean,
): readonly (readonly [Deno.Signal, Effect])[] {
  const { os } = Deno.build;
  const withoutFile: Effect = ignored.has("SIGHUP") ? "nothing" : atTerminal ? "stop" : "logged";
  const effects: typeof unixEffects = os === "windows"
    ? windowsEffects
    : { ...unixEffects, SIGHUP: reloads ? "reload" : withoutFile };
  return (Object.entries(effects) as [Deno.Signal, Effect][])
    .filter(([name]) => os === "linux" || !onlyOnLinux.has(name))
    .filter(([name]) => name !== "SIGCHLD" || ignored.has(name));
}

/** What the program got from whoever started it, as far as it matters for signals. */
export interface Inherited {
  /** Which of the two were ignored, as SIGHUP is under nohup(1). */
  readonly ignored: ReadonlySet<Deno.Signal>;
  /** A standard stream is a terminal, so a hang-up (SIGHUP) means that the terminal was closed. */
  readonly atTerminal: boolean;
}

/** Must be called before any signal listener is added: from then on the runtime handles these signals, even if they were ignored. */
export function inheritedHere(): Inherited {
  return {
    ignored: ignoredHere(),
    atTerminal: [Deno.stdin, Deno.stdout, Deno.stderr].some((stream) => stream.isTerminal()),
  };
}

/** Whether the controlling terminal was closed: then it can no longer be opened (tty(4)). */
function isTerminalGone(): boolean {
  try {
    Deno.openSync("/dev/tty").close();
    return false;
  } catch {
    return true;
  }
}

/**
 * Reads `SigIgn`, whose lowest bit is signal 1 (proc_pid_status(5)). Where that does not exist, SIGCHLD may have been ignored, and
 * SIGHUP counts as not ignored.
 */
function ignoredHere(): Set<Deno.Signal> {
  if (Deno.build.os !== "linux") return new Set(["SIGCHLD"]);
  const [, mask] = /^SigIgn:\s*([0-9a-f]+)$/m.exec(Deno.readTextFileSync("/proc/self/status")) ??
    [];
  const ignored = BigInt(`0x${mask ?? 0}`);
  const isIgnored = (number: number) => (ignored >> BigInt(number - 1) & 1n) === 1n;
  return new Set((["SIGHUP", "SIGCHLD"] as const).filter((name) => isIgnored(numbers[name])));
}

/** Their numbers on Linux (signal(7)), on all machines that the runtime exists for. */
const numbers = { SIGHUP: 1, SIGCHLD: 17 } as const;

/** Catches SIGCHLD until disposed of, for a caller that runs commands and listens for no other signal (see SIGCHLD above). */
export function catchChildSignals(): Disposable {
  const nothing = () => {};
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGCHLD", nothing);
  return {
    [Symbol.dispose]() {
      if (Deno.build.os !== "windows") Deno.removeSignalListener("SIGCHLD", nothing);
    },
  };
}

/** Shortest time between two log lines about the same signal: a sender can send any number. */
const logEveryMs = 60_000;

/**
 * Listens until the program ends. The listeners are never removed: without one a signal, even one that arrived earlier, would
 * end the program by default, whatever its exit status would have been. Commands with a session of their own receive none
 * of these signals. `report` is called for signals that are only logged, for each name at most once a minute. `reload` is
 * called for each request to read the configuration again; without it, SIGHUP is not such a request.
 */
export function listenForSignals(
  inherited: Inherited,
  report: (name: Deno.Signal) => void,
  reload?: () => void,
): Signals {
  const arrived: Deno.Signal[] = [];
  const loggedAt = new Map<Deno.Signal, number>();
  let wake: (() => void) | undefined;
  let last = -Infinity;

  function stop(name: Deno.Signal): void {
    const now = performance.now();
    if (now - last < sameMs) return;
    last = now;
    arrived.push(name);
    wake?.();
  }

  const act: Readonly<Record<Effect, (name: Deno.Signal) => void>> = {
    stop,
    drain: (name) => last === -Infinity && stop(name),
    reload(name) {
      if (inherited.atTerminal && !inherited.ignored.has("SIGHUP") && isTerminalGone()) stop(name);
      else reload?.();
    },
    logged(name) {
      const now = performance.now();
      if (now - (loggedAt.get(name) ?? -Infinity) < logEveryMs) return;
      loggedAt.set(name, now);
      report(name);
    },
    nothing() {},
  };
  for (const [name, effect] of effectsHere(inherited, reload !== undefined)) {
    Deno.addSignalListener(name, () => act[effect](name));
  }
  return {
    async next() {
      while (arrived.length === 0) await new Promise<void>((resolve) => wake = resolve);
      return arrived.shift() as Deno.Signal;
    },
  };
}
