/**
 * The service with the sandbox off: in this very isolate.
 *
 * @module
 */

import { unmarked } from "../isolate/busy.ts";
import type { ServiceStart } from "../isolate/messages.ts";
import type { Log } from "../telemetry/log.ts";
import type { Caretaker, IsolateOptions, Service } from "./isolate.ts";

/** Starts the service here and resolves when it listens. Throws a `StartError`. */
export async function startHere(
  start: ServiceStart,
  { endTree, measure, clientsGone, mend }: Caretaker,
  log: Log,
  { heartbeatMs, onAlive = () => {} }: IsolateOptions,
): Promise<Service> {
  // What serves is not loaded into main when it has an isolate of its own.
  const { startApp } = await import("../app/app.ts");
  const app = await startApp(start, {
    trees: {
      endTree: ({ pid, mark }) => endTree({ pid, mark, holdersOnly: false }),
      endHolders: ({ pid, mark }) => endTree({ pid, mark, holdersOnly: true }),
    },
    measureProcess: () => Promise.resolve(measure()),
    findGone: (clients) => Promise.resolve(clientsGone(clients)),
    mend: () => Promise.resolve(mend()),
    // Who would look is in the same isolate, and hangs with it.
    during: unmarked,
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
