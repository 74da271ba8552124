/**
 * Starts the service for main: in an isolate of its own with narrowed permissions or, with the sandbox off, in this one.
 *
 * @module
 */

import type { Caretaker } from "../isolate/abilities.ts";
import { busyWith, newBusyMemory } from "../isolate/busy.ts";
import type { Probe, QueueTrial, ServiceStart } from "../isolate/messages.ts";
import { StartError } from "../isolate/start_error.ts";
import type { OpenLog } from "../telemetry/log.ts";
import { runProbes } from "../isolate/probes.ts";
import type { IsolateOptions, Service } from "./serving.ts";
import { startHere } from "./unsandboxed.ts";
import { type Isolate, openIsolate } from "./isolate.ts";

/** The defaults: the service's own module, pinged every two seconds. */
export const isolateDefaults: IsolateOptions = {
  entry: new URL("../service.ts", import.meta.url),
  startMs: 60_000,
  heartbeatMs: 2000,
};

/** Number of unanswered pings after which a service counts as hanging. Unlike a time, a number survives a suspended machine. */
const missedBeats = 10;

/** Starts the service and resolves when it listens. Throws a `StartError`. */
export async function startService(
  start: ServiceStart,
  caretaker: Caretaker,
  log: OpenLog,
  options: IsolateOptions = isolateDefaults,
): Promise<Service> {
  return await (start.config.sandbox
    ? startIsolated(start, caretaker, options)
    : startHere(start, caretaker, log, options));
}

/** What was tried of a service that does not serve. */
export interface ServiceTrial {
  /** What its isolate may do. */
  readonly probes: readonly Probe[];
  /** What came of trying the queue that machines share; undefined without one. */
  readonly queue: QueueTrial | undefined;
}

/** Tries out what the service isolate may do, and the queue from there. Throws a `StartError` if the isolate cannot report it. */
export async function probeService(
  start: ServiceStart,
  { entry, startMs }: IsolateOptions = isolateDefaults,
): Promise<ServiceTrial> {
  if (!start.config.sandbox) {
    const { tryQueue } = await import("../app/try_queue.ts");
    return { probes: await runProbes(start), queue: await tryQueue(start) };
  }
  const isolate = openIsolate(start, entry);
  const trial = async () => ({
    probes: await isolate.ask("probe", start),
    queue: start.config.cluster && await isolate.ask("try_queue", start),
  });
  return await untilStarted(trial(), isolate, startMs).finally(isolate.close);
}

async function startIsolated(
  start: ServiceStart,
  caretaker: Caretaker,
  { entry, startMs, heartbeatMs, onAlive = () => {} }: IsolateOptions,
): Promise<Service> {
  const isolate = openIsolate(start, entry, caretaker);
  const busy = newBusyMemory();
  const started = await untilStarted(isolate.ask("start", { start, busy }), isolate, startMs);
  if ("reason" in started) {
    isolate.close();
    throw new StartError(started.reason);
  }
  let unanswered = 0;
  const heartbeat = setInterval(() => {
    if (unanswered++ >= missedBeats) {
      isolate.lose({
        reason: "the service isolate vanished or hangs: it no longer responds",
        requestId: busyWith(busy),
      });
      return;
    }
    isolate.ask("ping").then(() => {
      unanswered = 0;
      onAlive();
    });
  }, heartbeatMs);
  return {
    url: started.url,
    died: isolate.died,
    faulty: isolate.faulty,
    replace: (settings) => isolate.ask("replace", settings),
    drain: () => isolate.ask("drain"),
    cut: () => isolate.ask("cut"),
    terminate() {
      clearInterval(heartbeat);
      isolate.close();
    },
  };
}

/** The isolate's first answer; throws a `StartError` if the isolate is lost before that. */
async function untilStarted<T>(
  answered: Promise<T>,
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
  const lost = isolate.died.then(({ reason }) => {
    throw new StartError(reason);
  });
  return await Promise.race([answered, lost]).finally(() => clearTimeout(timer));
}
