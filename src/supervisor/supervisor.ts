/**
 * The work of the main isolate: spool, service, signals, processes. It never receives a byte that a client sent.
 *
 * @module
 */

import { StartError } from "../isolate/start_error.ts";
import type { Config } from "../config/config.ts";
import { type Fields, messageOf, type OpenLog, openLog, stackOf } from "../telemetry/log.ts";
import { keepThreads } from "../isolate/threads.ts";
import { version } from "../version.ts";
import { type BusyCaretaker, caretakerOf, clearDeadServers, endJobsIn } from "./caretaker.ts";
import { shutOutDebugger } from "../machine/debugger.ts";
import { type Folders, openFolders } from "./folders.ts";
import type { ServedConfig } from "./served_config.ts";
import { isolateDefaults, startService } from "./start_service.ts";
import type { IsolateOptions, Service } from "./serving.ts";
import { forgetSecrets } from "./surroundings.ts";
import { type Notifier, openNotifier } from "./notifier.ts";
import { prepareToLook } from "../machine/process_table.ts";
import { lookAtOwn } from "../machine/process_tree.ts";
import { type ListenSocket, openListenSocket } from "./listen_socket.ts";
import type { Digests, ReadConfig } from "./config_reader.ts";
import { createConfigWatch } from "./config_watch.ts";
import { createReloading, type Reloading } from "./reload.ts";
import { inheritedHere, listenForSignals } from "./signals.ts";
import { serveUntilStopped, stoppingOf } from "./stopping.ts";
import type { Loss } from "./isolate.ts";

/** What it takes to read the configuration again. */
export interface Again {
  /** Reads it. */
  readonly read: ReadConfig;
  /** What the configuration was read from. */
  readonly files: Digests;
}

/**
 * Serves until a signal or a failure. Resolves with the exit code: 0 for a clean stop, otherwise 1. `env` shows whether
 * systemd wants notifications. `again` is undefined if the configuration is not read again.
 */
export async function supervise(
  { config, warnings, clusterSecrets }: ServedConfig,
  env: Readonly<Record<string, string>>,
  again?: Again,
  isolate: IsolateOptions = isolateDefaults,
): Promise<number> {
  const log = openLog(config.log);
  /** Why the configuration is to be read again as soon as the service listens. */
  let early: string | undefined;
  let reload = (cause: string): void => void (early = cause);
  // Before anything is written: even the log may be a file that has reached the file size limit.
  const signals = listenForSignals(
    inheritedHere(),
    (signal) => log.write("signal ignored", { signal }),
    again && (() => reload("SIGHUP")),
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
  let socket: ListenSocket | undefined;
  let caretaker: BusyCaretaker;
  let service: Service;
  let reloading: Reloading | undefined;
  try {
    await clearDeadServers(config, log);
    folders = openFolders(config, env, log);
    for (const warning of folders.warnings) log.write("configuration warning", { warning });
    const { http } = config;
    if (http.socket) socket = await openListenSocket(http.socket, http.socketMode);
    const reloaded = () => again && (reloading?.successful ?? true);
    caretaker = caretakerOf(folders, log, reloaded, socket);
    service = await startService({ ...folders.start, clusterSecrets }, caretaker, log, {
      ...isolate,
      heartbeatMs: Math.min(isolate.heartbeatMs, notifier.keepAliveMs ?? Infinity),
      onAlive: notifier.keepAliveMs === undefined ? () => {} : notifier.alive,
    });
  } catch (error) {
    log.write("cannot start", {
      reason: error instanceof StartError ? error.message : stackOf(error),
    });
    folders?.close();
    closeSocket(socket, log);
    await log.flush();
    return 1;
  }
  log.write(`listening on ${service.url}`, {
    version,
    ...servedBy(config),
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
  using watch = createConfigWatch(() => reload("its files have changed"));
  if (again) {
    const { replace } = service;
    const { read, files } = again;
    const made = createReloading(config, { read, folders, replace, watch, notifier, log });
    watch.watch(files, config.configWatchMs);
    reload = (cause) => void made.reload(cause);
    if (early !== undefined) reload(early);
    reloading = made;
  }
  const limits = () => reloading?.stopping ?? stoppingOf(config);
  const finished = await serveUntilStopped(service, died, signals, notifier, () => {
    reload = () => {};
    return limits();
  }, log);
  const clean = finished && !loss;
  const seen = clean ? [] : loss?.processes ?? lookAtOwn();
  service.terminate();
  closeSocket(socket, log);
  // The answers of the service triggered the keep-alives until now; from here on main sends them itself.
  using _keepAlives = sendKeepAlives(notifier);
  if (!clean) {
    await endJobsIn(folders.start.spool, limits().killGraceMs, {
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

function closeSocket(socket: ListenSocket | undefined, log: OpenLog): void {
  try {
    socket?.close();
  } catch (error) {
    log.write("the unix socket could not be removed", { "exception.message": messageOf(error) });
  }
}

/** What a server serves, for the log. */
function servedBy({ named, commands, pools }: Config): Fields {
  return {
    ...(named ? { commands: commands.length } : { program: commands[0]?.command.program }),
    workers: pools.reduce((sum, { numWorkers }) => sum + numWorkers, 0),
    queue_limit: pools.reduce((sum, { queueLimit }) => sum + queueLimit, 0),
  };
}

function sendKeepAlives({ keepAliveMs, alive }: Notifier): Disposable {
  const id = keepAliveMs === undefined ? undefined : setInterval(alive, keepAliveMs);
  return { [Symbol.dispose]: () => clearInterval(id) };
}
