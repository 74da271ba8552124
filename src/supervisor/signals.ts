/**
 * What each signal does to the program. The README has the same list for its users.
 *
 * @module
 */

/** Those that ask the program to stop. They come one at a time. */
export interface Signals {
  /** The next one; one that came earlier and was not asked for yet counts. */
  next(): Promise<Deno.Signal>;
}

/**
 * Signals that come so soon after one another are one: Ctrl-C in a terminal reaches the program directly and, when
 * `deno task` or make started it, once more through them.
 */
const sameMs = 500;

/**
 * What a signal does: `stop` counts as the first or the second signal; `drain` counts only as the first; `logged` is logged and
 * nothing else; `nothing` is what its reason says.
 */
type Effect = "stop" | "drain" | "logged" | "nothing";

/**
 * Without a listener each of these would end the program at once, with its jobs unanswered and its files left behind, or stop it.
 * SIGHUP is decided by `HangUp`. A signal that is caught has its default again in commands (execve(2)).
 *
 * Nobody listens to the others of signal(7): SIGKILL and SIGSTOP cannot be caught, SIGSEGV, SIGILL and SIGFPE the runtime keeps to
 * itself, and real-time signals it does not know. SIGABRT, SIGBUS, SIGTRAP and SIGSYS say that the program is broken or hangs
 * (systemd's watchdog sends SIGABRT): it must end even if it cannot listen any more. SIGTSTP stops it until SIGCONT. SIGPIPE is
 * ignored by the runtime; SIGURG and SIGWINCH do nothing by default.
 */
const unixEffects: Readonly<Partial<Record<Deno.Signal, Effect>>> = {
  SIGTERM: "stop",
  // Ctrl-C and Ctrl-\ at a terminal.
  SIGINT: "stop",
  SIGQUIT: "stop",
  // A clock that who started the program has set outlives execve: alarm(2).
  SIGALRM: "stop",
  // Power fails; LXC stops the first process of a container with it.
  SIGPWR: "stop",
  // The soft limit of CPU time (RLIMIT_CPU) is reached. It comes again each second, until SIGKILL at the hard limit.
  SIGXCPU: "drain",
  // Without a listener the runtime ends the program or, see `shutOutDebugger`, opens a debugger.
  SIGUSR1: "logged",
  SIGUSR2: "logged",
  SIGIO: "logged",
  SIGPROF: "logged",
  SIGVTALRM: "logged",
  SIGSTKFLT: "logged",
  // The write beyond the limit of a file's size (RLIMIT_FSIZE) fails with EFBIG, as any other write can fail.
  SIGXFSZ: "nothing",
  // Where it was ignored at the start, the system would forget how commands end (wait(2), ECHILD).
  SIGCHLD: "nothing",
  // They stop who uses its terminal in the background. A command in the server's session can bring them on the server.
  SIGTTIN: "nothing",
  SIGTTOU: "nothing",
};

/** Signals that other systems do not have. */
const onlyOnLinux: ReadonlySet<string> = new Set(["SIGPWR", "SIGSTKFLT"]);

/** No listener could put off the end that a closed console, a logoff or a shutdown brings: the runtime tells Windows at once that it is done. */
const windowsEffects: typeof unixEffects = { SIGINT: "stop", SIGBREAK: "stop" };

function effectsHere({ ignored, atTerminal }: HangUp): readonly (readonly [Deno.Signal, Effect])[] {
  const { os } = Deno.build;
  const effects: typeof unixEffects = os === "windows"
    ? windowsEffects
    : { ...unixEffects, SIGHUP: ignored ? "nothing" : atTerminal ? "stop" : "logged" };
  return (Object.entries(effects) as [Deno.Signal, Effect][])
    .filter(([name]) => os === "linux" || !onlyOnLinux.has(name));
}

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

/** For who runs commands and listens to no other signal: see SIGCHLD above. */
export function catchChildSignals(): Disposable {
  const nothing = () => {};
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGCHLD", nothing);
  return {
    [Symbol.dispose]() {
      if (Deno.build.os !== "windows") Deno.removeSignalListener("SIGCHLD", nothing);
    },
  };
}

/** How often at most a signal of one name is told: who sends one can send any number. */
const logEveryMs = 60_000;

/**
 * Listens until the program ends: a signal for which there is no listener any more, also one that came before, ends it as by
 * default, whatever its exit status would have been. Commands with a session of their own do not hear any of these signals. One
 * that is not followed is handed to `report`, of each name one a minute.
 */
export function listenForSignals(hangUp: HangUp, report: (name: Deno.Signal) => void): Signals {
  const came: Deno.Signal[] = [];
  const loggedAt = new Map<Deno.Signal, number>();
  let wake: (() => void) | undefined;
  let last = -Infinity;

  function stop(name: Deno.Signal): void {
    const now = performance.now();
    if (now - last < sameMs) return;
    last = now;
    came.push(name);
    wake?.();
  }

  const act: Readonly<Record<Effect, (name: Deno.Signal) => void>> = {
    stop,
    drain: (name) => last === -Infinity && stop(name),
    logged(name) {
      const now = performance.now();
      if (now - (loggedAt.get(name) ?? -Infinity) < logEveryMs) return;
      loggedAt.set(name, now);
      report(name);
    },
    nothing() {},
  };
  for (const [name, effect] of effectsHere(hangUp)) {
    Deno.addSignalListener(name, () => act[effect](name));
  }
  return {
    async next() {
      while (came.length === 0) await new Promise<void>((resolve) => wake = resolve);
      return came.shift() as Deno.Signal;
    },
  };
}
