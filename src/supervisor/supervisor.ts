/**
 * The work of the main isolate: spool, service, signals, processes. It never receives a byte that a client sent.
 *
 * @module
 */

import { StartError } from "../isolate/start_error.ts";
import type { Config, StoppingConfig } from "../config/config.ts";
import type { Cut } from "../jobs/line.ts";
import { type Log, messageOf, openLog, stackOf } from "../telemetry/log.ts";
import { keepThreads } from "../isolate/threads.ts";
import { version } from "../version.ts";
import { type BusyCaretaker, caretakerOf, clearDeadServers, endJobsIn } from "./caretaker.ts";
import { shutOutDebugger } from "../machine/debugger.ts";
import { type Folders, openFolders } from "./folders.ts";
import { isolateDefaults, startService } from "./start_service.ts";
import type { IsolateOptions, Service } from "./serving.ts";
import { forgetSecrets } from "./surroundings.ts";
import { type Notifier, openNotifier } from "./notifier.ts";
import { prepareToLook } from "../machine/process_table.ts";
import { lookAtOwn } from "../machine/process_tree.ts";
import { hangUpHere, listenForSignals, type Signals } from "./signals.ts";
import type { Loss } from "./isolate.ts";

/**
 * Serves until a signal or a failure. Resolves with the exit code: 0 for a clean stop, otherwise 1. `env` shows whether
 * systemd wants notifications.
 */
export async function supervise(
  config: Config,
  warnings: readonly string[],
  env: Readonly<Record<string, string>>,
  isolate: IsolateOptions = isolateDefaults,
): Promise<number> {
  const log = openLog(config.log);
  // Before anything is written: even the log may be a file that has reached the file size limit.
  const signals = listenForSignals(
    hangUpHere(),
    (signal) => log.write("signal ignored", { signal }),
  );
  try {
    shutOutDebugger();
  } catch (error) {
    log.write("SIGUSR1 may open a debugger of the runtime", {
      "exception.message": messageOf(error),
    });
  }
  const notifier = openNotifier(env, log);
  forgetSecrets();
  for (const warning of warnings) log.write("configuration warning", { warning });
  if (Deno.pid === 1) {
    log.write(
      "running as process 1: processes that jobs leave behind stay as zombies; start jobrunner under an init such as tini (docker run --init)",
    );
  }
  prepareToLook();
  using _threads = keepThreads();
  let folders: Folders | undefined;
  let caretaker: BusyCaretaker;
  let service: Service;
  try {
    await clearDeadServers(config, log);
    folders = openFolders(config, env, log);
    for (const warning of folders.warnings) log.write("configuration warning", { warning });
    caretaker = caretakerOf(config.stopping, folders, log);
    service = await startService(folders.start, caretaker, log, {
      ...isolate,
      heartbeatMs: Math.min(isolate.heartbeatMs, notifier.keepAliveMs ?? Infinity),
      onAlive: notifier.keepAliveMs === undefined ? () => {} : notifier.alive,
    });
  } catch (error) {
    log.write("cannot start", {
      reason: error instanceof StartError ? error.message : stackOf(error),
    });
    folders?.close();
    await log.flush();
    return 1;
  }
  log.write(`listening on ${service.url}`, {
    version,
    program: config.work.command.program,
    workers: config.work.jobs.numWorkers,
    queue_limit: config.work.jobs.queueLimit,
    sandbox: config.sandbox,
  });
  notifier.ready(`listening on ${service.url}`);
  let loss: Loss | undefined;
  const died = service.died.then((reported) => {
    loss = reported;
    log.write("the service died: killing its jobs' processes", {
      request_id: reported.requestId,
      reason: reported.reason,
    });
    return { end: "died" } as const;
  });
  const finished = await serveUntilStopped(service, died, signals, notifier, config.stopping, log);
  const clean = finished && !loss;
  const seen = clean ? [] : loss?.processes ?? lookAtOwn();
  service.terminate();
  // The answers of the service triggered the keep-alives until now; from here on main sends them itself.
  using _keepAlives = sendKeepAlives(notifier);
  if (!clean) {
    await endJobsIn(folders.start.spool, config.stopping.killGraceMs, {
      which: loss?.brokeRules ? "every" : "unfinished",
      seen,
    });
  }
  await caretaker.idle();
  folders.close();
  await notifier.flush();
  await log.flush();
  return clean ? 0 : 1;
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

/** Resolves with whether every job was finished and nothing went wrong. */
async function serveUntilStopped(
  service: Service,
  died: Promise<{ readonly end: "died" }>,
  signals: Signals,
  notifier: Notifier,
  stopping: StoppingConfig,
  log: Log,
): Promise<boolean> {
  const first = await Promise.race([
    died,
    signals.next().then((signal) => ({ end: "signal", signal }) as const),
    service.faulty.then(() => ({ end: "faulty" }) as const),
  ]);
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

function sendKeepAlives({ keepAliveMs, alive }: Notifier): Disposable {
  const id = keepAliveMs === undefined ? undefined : setInterval(alive, keepAliveMs);
  return { [Symbol.dispose]: () => clearInterval(id) };
}

function timer(ms: number): Disposable & { readonly over: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const id = setTimeout(resolve, ms);
  return { over: promise, [Symbol.dispose]: () => clearTimeout(id) };
}
