/**
 * The service as main sees it: in an isolate of its own with narrowed permissions, or, with the sandbox off, in this one.
 *
 * @module
 */

import type { Cut } from "../dispatch.ts";
import type {
  ClientAddress,
  Probe,
  ProcessFigures,
  ServiceStart,
  ToMain,
  ToService,
  TreeRequest,
} from "../messages.ts";
import { StartError } from "../start_error.ts";
import type { Log } from "../telemetry/log.ts";
import { permissionsOf } from "./permissions.ts";
import { runProbes } from "./probes.ts";

/** A service that listens. */
export interface Service {
  /** Where. */
  readonly url: string;
  /** Resolves, with a sentence, when the service is gone or hangs. */
  readonly died: Promise<string>;
  /** Resolves when the service met a bug that belongs to no request. It still works. */
  readonly faulty: Promise<void>;
  /** Admits nothing new, finishes what there is; resolves when the last answer is handed over. */
  drain(): Promise<void>;
  /** Ends what is left, with an answer for every client; resolves with how much that was. */
  cut(): Promise<Cut>;
  /** Ends the service at once. */
  terminate(): void;
}

/** What main does for a service. */
export interface Caretaker {
  /** Ends processes of one job; resolves when that is done, for holders of a pipe as soon as they were found. */
  endTree(tree: Omit<TreeRequest, "id">): Promise<void>;
  /** Measures this process. */
  measure(): ProcessFigures;
  /** For each client whether its connection has gone. */
  clientsGone(clients: readonly ClientAddress[]): readonly boolean[];
}

/** How the isolate is made and watched. Only tests of its failures need another than the default. */
export interface IsolateOptions {
  /** The module that the isolate runs. */
  readonly entry: URL;
  /** How often it is asked whether it is alive. */
  readonly heartbeatMs: number;
  /** Hears of each answer. */
  readonly onAlive?: () => void;
}

/** The service, asked every two seconds. */
export const isolateDefaults: IsolateOptions = {
  entry: new URL("../service.ts", import.meta.url),
  heartbeatMs: 2000,
};

/** Unanswered questions after which it counts as hanging. Counting beats, not time, survives a suspended machine. */
const missedBeats = 10;

/** Starts the service and resolves when it listens. Throws a `StartError`. */
export async function startService(
  start: ServiceStart,
  caretaker: Caretaker,
  log: Log,
  options: IsolateOptions = isolateDefaults,
): Promise<Service> {
  return await (start.config.sandbox
    ? startIsolated(start, caretaker, options)
    : startHere(start, caretaker, log, options));
}

/** Tries what the service isolate may do. */
export async function probeService(start: ServiceStart): Promise<readonly Probe[]> {
  if (!start.config.sandbox) return await runProbes(start);
  const { promise, resolve } = Promise.withResolvers<readonly Probe[]>();
  const isolate = openIsolate(start, isolateDefaults.entry, {
    onMessage: (message) => message.type === "probed" && resolve(message.probes),
    onCrash: () => resolve([]),
  });
  isolate.send({ type: "probe", start });
  const probes = await promise;
  isolate.close();
  return probes;
}

async function startHere(
  start: ServiceStart,
  { endTree, measure, clientsGone }: Caretaker,
  log: Log,
  { heartbeatMs, onAlive = () => {} }: IsolateOptions,
): Promise<Service> {
  // What serves is not loaded into main when it has an isolate of its own.
  const { startApp } = await import("../app.ts");
  const app = await startApp(start, {
    trees: {
      endTree: ({ pid, mark }) => endTree({ pid, mark, holdersOnly: false }),
      endHolders: ({ mark }) => endTree({ mark, holdersOnly: true }),
    },
    measureProcess: () => Promise.resolve(measure()),
    findGone: (clients) => Promise.resolve(clientsGone(clients)),
  }, log);
  const faulty = Promise.withResolvers<void>();
  const onBug = (event: ErrorEvent | PromiseRejectionEvent) => {
    event.preventDefault();
    app.reportBug("reason" in event ? event.reason : event.error);
    faulty.resolve();
  };
  globalThis.addEventListener("error", onBug);
  globalThis.addEventListener("unhandledrejection", onBug);
  const heartbeat = setInterval(onAlive, heartbeatMs);
  return {
    url: app.url,
    died: new Promise<never>(() => {}),
    faulty: faulty.promise,
    drain: app.drain,
    cut: () => Promise.resolve(app.cut()),
    terminate: () => clearInterval(heartbeat),
  };
}

async function startIsolated(
  start: ServiceStart,
  caretaker: Caretaker,
  { entry, heartbeatMs, onAlive = () => {} }: IsolateOptions,
): Promise<Service> {
  const listening = Promise.withResolvers<string>();
  const died = Promise.withResolvers<string>();
  const faulty = Promise.withResolvers<void>();
  const drained = Promise.withResolvers<void>();
  const cut = Promise.withResolvers<Cut>();
  let unanswered = 0;
  const isolate = openIsolate(start, entry, {
    onCrash(reason) {
      listening.reject(new StartError(reason));
      died.resolve(reason);
    },
    onMessage(message) {
      switch (message.type) {
        case "listening":
          return listening.resolve(message.url);
        case "failed":
          return listening.reject(new StartError(message.reason));
        case "end_tree":
          return void caretaker.endTree(message.tree).finally(() => {
            isolate.send({ type: "tree_ended", id: message.tree.id });
          });
        case "faulty":
          return faulty.resolve();
        case "cut":
          return cut.resolve(message);
        case "drained":
          return drained.resolve();
        case "pong":
          unanswered = 0;
          return onAlive();
        case "measure":
          return isolate.send({ type: "measured", figures: caretaker.measure() });
        case "find_gone":
          return isolate.send({
            type: "clients_gone",
            gone: caretaker.clientsGone(message.clients),
          });
        case "probed":
          return;
      }
    },
  });
  isolate.send({ type: "start", start });
  let url: string;
  try {
    url = await listening.promise;
  } catch (error) {
    isolate.close();
    throw error;
  }
  const heartbeat = setInterval(() => {
    if (unanswered++ >= missedBeats) {
      died.resolve("the service isolate vanished or hangs: it does not answer any more");
    } else {
      isolate.send({ type: "ping" });
    }
  }, heartbeatMs);
  return {
    url,
    died: died.promise,
    faulty: faulty.promise,
    drain() {
      isolate.send({ type: "drain" });
      return drained.promise;
    },
    cut() {
      isolate.send({ type: "cut" });
      return cut.promise;
    },
    terminate() {
      clearInterval(heartbeat);
      isolate.close();
    },
  };
}

interface Isolate {
  send(message: ToService): void;
  close(): void;
}

function openIsolate(
  start: ServiceStart,
  entry: URL,
  { onMessage, onCrash }: {
    readonly onMessage: (message: ToMain) => void;
    readonly onCrash: (reason: string) => void;
  },
): Isolate {
  const worker = new Worker(entry, {
    type: "module",
    name: "service",
    deno: { permissions: permissionsOf(start) },
  });
  worker.onmessage = (event: MessageEvent<ToMain>) => onMessage(event.data);
  worker.onerror = (event) => {
    event.preventDefault();
    onCrash(`the service isolate crashed: ${event.message}`);
  };
  return { send: (message) => worker.postMessage(message), close: () => worker.terminate() };
}
