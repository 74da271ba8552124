/**
 * Builds and starts the parts in order, and stops them in reverse order, also if one of them cannot be started.
 *
 * @module
 */

import { atMost } from "../async/at_most.ts";
import { createDeadlines } from "../async/deadlines.ts";
import { createActivity } from "../http/activity.ts";
import { createDeliveries } from "../http/answer/delivery.ts";
import { createPasswordCheck } from "../http/auth.ts";
import { createBuffers } from "../http/body/buffers.ts";
import { createClients } from "../http/clients.ts";
import type { FrontDoor } from "../http/door.ts";
import { createGuard } from "../http/guard.ts";
import { createRoutes } from "../http/routes.ts";
import type { MainAbilities } from "../isolate/abilities.ts";
import { type Ask, shared } from "../isolate/ask.ts";
import type { During } from "../isolate/busy.ts";
import type { ProcessFigures, ServiceStart } from "../isolate/messages.ts";
import type { Cut } from "../jobs/line.ts";
import { createExposition } from "../telemetry/exposition.ts";
import { observeLive } from "../telemetry/live.ts";
import { type Log, openLog, stackOf } from "../telemetry/log.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { createRecent } from "../telemetry/recent.ts";
import { version } from "../version.ts";
import { listen } from "./listening.ts";
import { statusOf } from "./status.ts";
import { openTracingOf } from "./tracing.ts";
import { startWork } from "./work.ts";

/** What the main isolate does for the service. */
export interface Host {
  /** Asks main. Only one `find_gone` question may be open at a time. */
  readonly ask: Ask<MainAbilities>;
  /** Marks the request that is being worked on, so that main can see it. */
  readonly during: During;
}

/** A running service. */
export interface App {
  /** The URL on which it listens. */
  readonly url: string;
  /**
   * Drains: admits nothing new, waits until the last answer is sent, then releases everything. Resolves with the number of
   * answers that were given up. Idempotent.
   */
  drain(): Promise<number>;
  /** Forced stop: ends the remaining jobs, with an answer for every client. The drain then ends. */
  cut(): Cut;
  /** Logs a bug that belongs to no request. */
  reportBug(bug: unknown): void;
}

/** How long answers may take to be sent after the last job has ended, in a forced stop. */
const unreadAnswerMs = 1000;

/** How long a scrape waits for main's process figures; after that it reports the previous ones. */
const measureMs = 1000;

/**
 * Starts the service. An isolate has one log, so a caller that has opened it passes it on. Throws a `StartError` if the
 * address cannot be listened on.
 */
export async function startApp(
  { config, commandEnv, launcher, spool }: ServiceStart,
  { ask, during }: Host,
  log: Log = openLog(config.log),
): Promise<App> {
  await using taken = new AsyncDisposableStack();
  let unreadTimer: ReturnType<typeof setTimeout> | undefined;
  taken.defer(() => clearTimeout(unreadTimer));
  taken.defer(() => log.flush());
  const { work, http } = config;
  const { numWorkers, queueLimit, onDisconnect } = work.jobs;
  const startedAt = performance.now();
  let figures: ProcessFigures | undefined;
  const measure = shared(() => ask("measure"));
  const exposition = createExposition(() =>
    atMost(measureMs, measure().then((measured) => void (figures = measured)))
  );
  const metrics = createMetrics(exposition, {
    numWorkers,
    scheme: http.tls ? "https" : "http",
  });
  const tracing = await openTracingOf(config, log);
  taken.defer(() => tracing.close());
  const recent = { queuedSec: createRecent(), elapsedSec: createRecent() };
  const dispatch = startWork(work, {
    commandEnv,
    launcher,
    spool,
    ask,
    listeners: { log, metrics, tracing, recent },
  });
  taken.defer(() => dispatch.close());
  const { line, pool } = dispatch;
  const activity = createActivity();
  const uploads = createActivity();
  const buffers = createBuffers(http.maxBufferedBytes);
  const deliveries = createDeliveries(taken.use(createDeadlines(http.answerTimeoutMs)));
  observeLive(exposition, {
    numWorkers,
    queueLimit,
    versions: { jobrunner: version, deno: Deno.version.deno },
    queuedJobs: () => line.waiting,
    oldestWaitSec: () => line.oldestWaitSec(),
    workersBusy: () => pool.busy,
    buffered: () => buffers.held,
    answersGivenUp: () => deliveries.givenUp,
    process: () => figures,
  });
  const cutting = new AbortController();
  const waitedEnough = Promise.withResolvers<void>();
  let draining = false;

  const door: FrontDoor = {
    reserve: (about, signal) => line.reserve(about, signal),
    retryAfterSec: () => line.retryAfterSec(),
    ready: () => !draining,
    beginTrace: tracing.begin,
    version,
    metricsText: exposition.text,
    status: () =>
      statusOf(dispatch, { metrics, recent }, {
        uptimeSec: (performance.now() - startedAt) / 1000,
        queueLimit,
      }),
  };
  const fetch = createRoutes(door, {
    guard: createGuard(http.passwordDigest ? undefined : http.hostNames),
    mayRun: createPasswordCheck(http.passwordDigest),
    limits: {
      maxBytes: http.maxRequestBytes,
      periods: taken.use(createDeadlines(http.requestTimeoutMs)),
      cut: cutting.signal,
      uploads,
    },
    onDisconnect,
    buffers,
    deliveries,
    activity,
    clients: taken.use(createClients((clients) => ask("find_gone", clients))),
    during,
  }, { log, metrics, accessLog: http.accessLog });
  const server = listen(fetch, http, log, uploads);
  taken.defer(() => server.stop());
  const parts = taken.move();
  let drained: Promise<number> | undefined;

  async function drain(): Promise<number> {
    draining = true;
    const givenUpBefore = deliveries.givenUp;
    // Uploads that began before the drain may still become jobs, so the queue closes after the last of them.
    await Promise.race([activity.idle(), waitedEnough.promise]);
    // Short answers that the runtime has not reported as sent count too.
    const givenUp = deliveries.givenUp - givenUpBefore + activity.active;
    // Jobs whose clients have disconnected are finished too; /status responds until then.
    await dispatch.close();
    await parts.disposeAsync();
    return givenUp;
  }

  return {
    url: server.url,
    drain: () => drained ??= drain(),
    cut() {
      draining = true;
      cutting.abort();
      const cut = line.cut();
      // A client that does not read its answer must not keep the server running.
      dispatch.close().then(() => {
        unreadTimer = setTimeout(() => {
          deliveries.giveUpAll();
          waitedEnough.resolve();
        }, unreadAnswerMs);
      });
      return cut;
    },
    reportBug: (bug) =>
      log.write("uncaught error in the service", { "exception.stacktrace": stackOf(bug) }),
  };
}
