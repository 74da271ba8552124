/**
 * Stops the service: a drain, then a forced stop.
 *
 * @module
 */

import type { Config, StoppingConfig } from "../config/config.ts";
import type { Cut } from "../jobs/line.ts";
import type { Log } from "../telemetry/log.ts";
import type { Notifier } from "./notifier.ts";
import type { Service } from "./serving.ts";
import type { Signals } from "./signals.ts";

/** The time limits of a stop, with the longest grace period of all commands. */
export function stoppingOf({ stopping, commands }: Config): StoppingConfig {
  return { ...stopping, killGraceMs: Math.max(...commands.map(({ killGraceMs }) => killGraceMs)) };
}

/** How long a forced stop may take, with the answers and the last spans that follow it. */
function longestCutMs({ killGraceMs }: StoppingConfig): number {
  return killGraceMs + 5000;
}

/** The drain has ended. */
interface Drained {
  readonly end: "drained";
  readonly answersGivenUp: number;
}

/**
 * Waits for a signal or a failure, then stops the service. Resolves with whether every job was finished and nothing went wrong.
 * `onStop` is called once, when the stop begins; it returns the time limits of the stop.
 */
export async function serveUntilStopped(
  service: Service,
  died: Promise<{ readonly end: "died" }>,
  signals: Signals,
  notifier: Notifier,
  onStop: () => StoppingConfig,
  log: Log,
): Promise<boolean> {
  const first = await Promise.race([
    died,
    signals.next().then((signal) => ({ end: "signal", signal }) as const),
    service.faulty.then(() => ({ end: "faulty" }) as const),
  ]);
  const stopping = onStop();
  if (first.end === "died") {
    notifier.stopping("cleaning up after a service that died", longestCleanUpMs(stopping));
    return false;
  }
  log.write(
    "stopping: accepting no new jobs, finishing queued and running ones; a second signal forces the stop",
    {
      cause: first.end === "signal" ? first.signal : "a bug in the service",
      drain_timeout_sec: stopping.drainTimeoutMs / 1000,
    },
  );
  // A stop at the CPU time limit was not requested: a service manager should start the server again.
  const wanted = first.end === "signal" && first.signal !== "SIGXCPU";
  notifier.stopping(
    "finishing waiting and running jobs",
    stopping.drainTimeoutMs + longestCutMs(stopping) + longestCleanUpMs(stopping),
  );
  using timeout = timer(stopping.drainTimeoutMs);
  const drained = service.drain().then((answersGivenUp) =>
    ({ end: "drained", answersGivenUp }) as const
  );
  const second = await Promise.race([
    drained,
    died,
    signals.next().then((signal) => ({ end: "cut", cause: signal as string }) as const),
    timeout.over.then(() => ({ end: "cut", cause: "the drain timeout" }) as const),
  ]);
  switch (second.end) {
    case "drained":
      return endedWell(second, log) && wanted;
    case "died":
      return false;
    case "cut":
      return await cut(service, second.cause, Promise.race([drained, died]), stopping, log) &&
        wanted;
  }
}

/** Logs a completed drain; returns whether every connected client received its answer. */
function endedWell({ answersGivenUp }: Drained, log: Log): boolean {
  if (answersGivenUp === 0) log.write("stopped");
  else log.write("stopped: gave up on unread responses", { answers: answersGivenUp });
  return answersGivenUp === 0;
}

async function cut(
  service: Service,
  cause: string,
  over: Promise<Drained | { readonly end: "died" }>,
  stopping: StoppingConfig,
  log: Log,
): Promise<boolean> {
  using timeout = timer(longestCutMs(stopping));
  log.write("forced stop: killing running jobs and refusing queued ones", { cause });
  let counted: Partial<Cut> = {};
  const cutting = service.cut().then((cut) => void (counted = cut));
  const last = await Promise.race([
    Promise.all([cutting, over]).then(([, last]) => last),
    over.then((last) => last.end === "died" ? last : new Promise<never>(() => {})),
    timeout.over.then(() => ({ end: "given up" }) as const),
  ]);
  const { running, waiting } = counted;
  if (last.end === "drained" && running === 0 && waiting === 0) return endedWell(last, log);
  log.write("forced stop: jobs were killed or refused", {
    cause,
    running,
    waiting,
    end: last.end,
    answers_given_up: last.end === "drained" ? last.answersGivenUp : undefined,
  });
  return false;
}

/** How long it may take to kill the processes that a service left behind. */
function longestCleanUpMs({ killGraceMs }: StoppingConfig): number {
  return killGraceMs + 3000;
}

function timer(ms: number): Disposable & { readonly over: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const id = setTimeout(resolve, ms);
  return { over: promise, [Symbol.dispose]: () => clearTimeout(id) };
}
