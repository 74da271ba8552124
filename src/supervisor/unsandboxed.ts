/**
 * The service with the sandbox off, in the main isolate.
 *
 * @module
 */

import type { Caretaker, MainAbilities } from "../isolate/abilities.ts";
import { askHere } from "../isolate/ask.ts";
import { catchBugs } from "../isolate/bugs.ts";
import { unmarked } from "../isolate/busy.ts";
import type { ServiceStart } from "../isolate/messages.ts";
import type { OpenLog } from "../telemetry/log.ts";
import type { IsolateOptions, Service } from "./serving.ts";

/** Starts the service here and resolves when it listens. Throws a `StartError`. */
export async function startHere(
  start: ServiceStart,
  caretaker: Caretaker,
  log: OpenLog,
  { heartbeatMs, onAlive = () => {} }: IsolateOptions,
): Promise<Service> {
  // Imported here, so that main does not load the service when that has an isolate of its own.
  const { startApp } = await import("../app/app.ts");
  // A mark of the current request would be useless: its reader is in the same isolate and would hang too.
  const host = { ask: askHere<MainAbilities>(caretaker), during: unmarked };
  const app = await startApp(start, host, log);
  const faulty = Promise.withResolvers<void>();
  catchBugs(app.reportBug, faulty.resolve);
  const heartbeat = setInterval(onAlive, heartbeatMs);
  return {
    url: app.url,
    died: new Promise<never>(() => {}),
    faulty: faulty.promise,
    replace: (settings) => Promise.resolve(app.replace(settings)),
    drain: app.drain,
    cut: () => Promise.resolve(app.cut()),
    terminate: () => clearInterval(heartbeat),
  };
}
