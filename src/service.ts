/**
 * The entry of the service isolate: it starts `app` and answers main's messages. It has only the permissions that
 * `isolate/permissions.ts` grants.
 *
 * @module
 */

import { type App, startApp } from "./app/app.ts";
import { tryQueue } from "./app/try_queue.ts";
import type { MainAbilities, ServiceAbilities, ToMain, ToService } from "./isolate/abilities.ts";
import { createAnswering, createAsker } from "./isolate/ask.ts";
import { catchBugs } from "./isolate/bugs.ts";
import { markedIn } from "./isolate/busy.ts";
import type { Started, StartOrder } from "./isolate/messages.ts";
import { StartError } from "./isolate/start_error.ts";
import { runProbes } from "./isolate/probes.ts";
import { keepThreads } from "./isolate/threads.ts";

const isolate = self as unknown as {
  onmessage: (event: MessageEvent<ToService>) => unknown;
  postMessage: (message: ToMain) => void;
};

const send = (message: ToMain) => isolate.postMessage(message);
const main = createAsker<MainAbilities>(send);
let app: App | undefined;

const answer = createAnswering<ServiceAbilities>({
  start: serve,
  replace: (settings) => app?.replace(settings) ?? { ok: false, reason: "it has not started" },
  probe: runProbes,
  try_queue: tryQueue,
  drain: () => app?.drain() ?? 0,
  cut: () => app?.cut() ?? { running: 0, waiting: 0 },
  ping() {},
}, send);

async function serve({ start, busy }: StartOrder): Promise<Started> {
  keepThreads();
  try {
    app = await startApp(start, { ask: main.ask, during: markedIn(busy) });
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return { reason: error.message };
  }
  catchBugs(app.reportBug, () => send({ type: "faulty" }));
  return { url: app.url };
}

isolate.onmessage = ({ data: message }) =>
  message.type === "ask" ? answer(message) : main.answered(message);
