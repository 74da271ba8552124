/**
 * The service as main sees it: in an isolate of its own with narrowed permissions, or, with the sandbox off, in this one.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { busyWith, newBusyMemory } from "../isolate/busy.ts";
import type { Cut } from "../jobs/line.ts";
import type {
  ClientAddress,
  Probe,
  ProcessFigures,
  ServiceStart,
  ToService,
  TreeRequest,
} from "../isolate/messages.ts";
import { StartError } from "../isolate/start_error.ts";
import type { Log } from "../telemetry/log.ts";
import { runProbes } from "../isolate/probes.ts";
import { startHere } from "./unsandboxed.ts";
import { type Isolate, type Loss, openIsolate } from "./worker.ts";

/** A service that listens. */
export interface Service {
  /** Where. */
  readonly url: string;
  /** Resolves when the service is gone, hangs, or was ended because it sent a wrong message. */
  readonly died: Promise<Loss>;
  /** Resolves when the service met a bug that belongs to no request. It still works. */
  readonly faulty: Promise<void>;
  /** Admits nothing new, finishes what there is; resolves when the last answer is handed over, with how many were given up. */
  drain(): Promise<number>;
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
  /** Puts the server's folder right; undefined, or why that could not be done. */
  mend(): string | undefined;
}

/** How the isolate is made and watched. Only tests of its failures need another than the default. */
export interface IsolateOptions {
  /** The module that the isolate runs. */
  readonly entry: URL;
  /** How long it may take to listen, or to say what it can do. */
  readonly startMs: number;
  /** How often it is asked whether it is alive. */
  readonly heartbeatMs: number;
  /** Hears of each answer. */
  readonly onAlive?: () => void;
}

/** The service, asked every two seconds. */
export const isolateDefaults: IsolateOptions = {
  entry: new URL("../service.ts", import.meta.url),
  startMs: 60_000,
  heartbeatMs: 2000,
};

/** Between two mends: main has other things to do, whoever asks for them. */
const mendPauseMs = 50;

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

/** Tries what the service isolate may do. Throws a `StartError` when the isolate cannot say. */
export async function probeService(
  start: ServiceStart,
  { entry, startMs }: IsolateOptions = isolateDefaults,
): Promise<readonly Probe[]> {
  if (!start.config.sandbox) return await runProbes(start);
  const { promise, resolve, reject } = Promise.withResolvers<readonly Probe[]>();
  const isolate = openIsolate(start, entry, {
    onMessage: (message) => message.type === "probed" && resolve(message.probes),
    onLost: ({ reason }) => reject(new StartError(reason)),
  });
  isolate.send({ type: "probe", start });
  return await untilStarted(promise, isolate, startMs).finally(isolate.close);
}

async function startIsolated(
  start: ServiceStart,
  caretaker: Caretaker,
  { entry, startMs, heartbeatMs, onAlive = () => {} }: IsolateOptions,
): Promise<Service> {
  const listening = Promise.withResolvers<string>();
  const died = Promise.withResolvers<Loss>();
  const faulty = Promise.withResolvers<void>();
  const drained = Promise.withResolvers<number>();
  const cut = Promise.withResolvers<Cut>();
  let unanswered = 0;
  let nextMendAt = 0;
  const isolate = openIsolate(start, entry, {
    onLost(loss) {
      listening.reject(new StartError(loss.reason));
      died.resolve(loss);
    },
    onMessage(message) {
      switch (message.type) {
        case "listening":
          return listening.resolve(message.url);
        case "failed":
          return listening.reject(new StartError(message.reason));
        case "end_tree": {
          const { id } = message.tree;
          const answer = () => isolate.send({ type: "tree_ended", id });
          return void caretaker.endTree(message.tree).then(answer, answer);
        }
        case "faulty":
          return faulty.resolve();
        case "cut":
          return cut.resolve(message);
        case "drained":
          return drained.resolve(message.answersGivenUp);
        case "pong":
          unanswered = 0;
          return onAlive();
        case "measure":
          return answerLater(() => ({ type: "measured", figures: caretaker.measure() }));
        case "find_gone":
          return answerLater(() => ({
            type: "clients_gone",
            gone: caretaker.clientsGone(message.clients),
          }));
        case "mend":
          return void setTimeout(
            () => isolate.guard(() => isolate.send(mendedBy(caretaker))),
            mendPause(),
          );
        case "probed":
          return;
      }
    },
  });

  /** After what else main has to do: a service that does not wait for its answer is found out before it costs any work. */
  function answerLater(answer: () => ToService): void {
    setImmediate(() => isolate.guard(() => isolate.send(answer())));
  }

  /** Milliseconds until the next mend, at once if the last one was long ago. */
  function mendPause(): number {
    const now = performance.now();
    nextMendAt = Math.max(now, nextMendAt) + mendPauseMs;
    return nextMendAt - mendPauseMs - now;
  }

  const busy = newBusyMemory();
  isolate.send({ type: "start", start, busy });
  let url: string;
  try {
    url = await untilStarted(listening.promise, isolate, startMs);
  } catch (error) {
    isolate.close();
    throw error;
  }
  const heartbeat = setInterval(() => {
    if (unanswered++ >= missedBeats) {
      isolate.lose({
        reason: "the service isolate vanished or hangs: it does not answer any more",
        requestId: busyWith(busy),
      });
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

function mendedBy(caretaker: Caretaker): ToService {
  const problem = caretaker.mend();
  return { type: "mended", ...(problem === undefined ? {} : { problem }) };
}

async function untilStarted<T>(
  started: Promise<T>,
  isolate: Isolate,
  startMs: number,
): Promise<T> {
  const timer = setTimeout(
    () =>
      isolate.lose({
        reason: `the service isolate did not start within ${startMs / 1000} seconds`,
      }),
    startMs,
  );
  return await started.finally(() => clearTimeout(timer));
}
