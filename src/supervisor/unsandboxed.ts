/**
 * The service with the sandbox off: in this very isolate.
 *
 * @module
 */

import type { Caretaker, MainAbilities } from "../isolate/abilities.ts";
import { askHere } from "../isolate/ask.ts";
import { catchBugs } from "../isolate/bugs.ts";
import { unmarked } from "../isolate/busy.ts";
import type { ServiceStart } from "../isolate/messages.ts";
import type { Log } from "../telemetry/log.ts";
import type { IsolateOptions, Service } from "./serving.ts";

/** Starts the service here and resolves when it listens. Throws a `StartError`. */
export async function startHere(
  start: ServiceStart,
  caretaker: Caretaker,
  log: Log,
  { heartbeatMs, onAlive = () => {} }: IsolateOptions,
): Promise<Service> {
  // What serves is not loaded into main when it has an isolate of its own.
  const { startApp } = await import("../app/app.ts");
  // Who would look at what it is busy with is in the same isolate, and hangs with it.
  const host = { ask: askHere<MainAbilities>(caretaker), during: unmarked };
  const app = await startApp(start, host, log);
  const faulty = Promise.withResolvers<void>();
  catchBugs(app.reportBug, faulty.resolve);
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
