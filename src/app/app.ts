/**
 * Builds and starts the parts in order, and stops them in reverse order, also if one of them cannot be started.
 *
 * @module
 */

import { atMost } from "../async/at_most.ts";
import type { HttpConfig } from "../config/config.ts";
import { createActivity } from "../http/activity.ts";
import { createDeliveries } from "../http/answer/delivery.ts";
import { createLiveAnswers, heartbeatMs, joinMs } from "../http/answer/live.ts";
import { createAccess } from "../http/auth.ts";
import { createBuffers } from "../http/body/buffers.ts";
import { createClients } from "../http/clients.ts";
import type { FrontDoor } from "../http/door.ts";
import type { Fetch } from "../http/exchange.ts";
import { clientAddresses } from "../http/forwarded.ts";
import { createGuard, openGuard } from "../http/guard.ts";
import { createRoutes } from "../http/routes.ts";
import type { TlsPair } from "../http/tls_pair.ts";
import type { MainAbilities } from "../isolate/abilities.ts";
import { type Ask, shared } from "../isolate/ask.ts";
import type { During } from "../isolate/busy.ts";
import type {
  ProcessFigures,
  Replaced,
  ServiceSettings,
  ServiceStart,
} from "../isolate/messages.ts";
import type { Cut } from "../jobs/line.ts";
import { createExposition } from "../telemetry/exposition.ts";
import { createDisk } from "../spool/disk.ts";
import { observeLive } from "../telemetry/live.ts";
import { messageOf, type OpenLog, openLog, stackOf } from "../telemetry/log.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { createRecent } from "../telemetry/recent.ts";
import { version } from "../version.ts";
import { doorTo } from "./door.ts";
import { shareOf } from "./host_share.ts";
import { listen, publishSocket } from "./listening.ts";
import { openSharedQueue, queueStateOf } from "./shared_queue.ts";
import { createTimeouts } from "./timeouts.ts";
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
  /**
   * Gives new requests other commands, pools and settings, all of them or none; those in flight keep what they have. The address,
   * and whether HTTPS is on, stay as they are.
   */
  replace(settings: ServiceSettings): Replaced;
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
  { config: first, starts, spool, spoolBytes, clusterSecrets }: Omit<ServiceStart, "programs">,
  { ask, during }: Host,
  log: OpenLog = openLog(first.log),
): Promise<App> {
  await using taken = new AsyncDisposableStack();
  let unreadTimer: ReturnType<typeof setTimeout> | undefined;
  taken.defer(() => clearTimeout(unreadTimer));
  taken.defer(() => log.flush());
  const startedAt = performance.now();
  let figures: ProcessFigures | undefined;
  const measure = shared(() => ask("measure"));
  const exposition = createExposition(() =>
    atMost(measureMs, measure().then((measured) => void (figures = measured)))
  );
  const metrics = createMetrics(exposition, {
    named: first.named,
    scheme: first.http.tls ? "https" : "http",
  });
  const tracing = await openTracingOf(first, log);
  taken.defer(() => tracing.close());
  const recent = { queuedSec: createRecent(), elapsedSec: createRecent() };
  const listeners = { log, metrics, tracing, recent };
  const buffers = createBuffers(first.http.maxBufferedBytes);
  const disk = createDisk(spoolBytes);
  const group = first.cluster &&
    await openSharedQueue(first.cluster, clusterSecrets, {
      ...listeners,
      exposition,
      named: first.named,
    });
  if (group) taken.defer(() => group.close());
  const work = startWork({ config: first, starts }, {
    spool,
    ask,
    listeners,
    group: group && { ...group, openShare: () => shareOf(buffers, disk) },
  });
  taken.defer(() => work.close());
  await group?.begun();
  const activity = createActivity();
  const timeouts = taken.use(createTimeouts());
  const deliveries = createDeliveries(timeouts.of(first.http.answerTimeoutMs));
  const live = createLiveAnswers({
    answer: timeouts.of(first.http.answerTimeoutMs),
    join: timeouts.of(joinMs),
    heartbeat: timeouts.of(heartbeatMs),
  });
  const uploads = createActivity();
  observeLive(exposition, {
    pools: () =>
      work.pools.map(({ config: { name, numWorkers }, queueLimit, dispatch }) => ({
        name: first.named ? name : undefined,
        numWorkers,
        queueLimit,
        queuedJobs: dispatch.line.waiting,
        oldestWaitSec: dispatch.line.oldestWaitSec(),
        busy: dispatch.pool.busy,
      })),
    versions: { jobrunner: version, deno: Deno.version.deno },
    buffered: () => buffers.held,
    spooled: () => disk.held,
    listeners: () => live.listeners,
    answersGivenUp: givenUp,
    process: () => figures,
  });
  function givenUp(): number {
    return deliveries.givenUp + live.givenUp;
  }

  const cutting = new AbortController();
  const waitedEnough = Promise.withResolvers<void>();
  let draining = false;

  const door: FrontDoor = {
    ...doorTo(work, listeners, startedAt, group),
    ready: () => !draining,
    queueState: () => queueStateOf(first.cluster, group),
    beginTrace: tracing.begin,
    version,
    metricsText: exposition.text,
  };
  const clients = taken.use(createClients((clients) => ask("find_gone", clients)));

  /** The HTTP application with these settings. Requests in flight stay in the one that they came to. */
  function routesWith(http: HttpConfig): Fetch {
    return createRoutes(door, {
      guard: http.socket
        ? openGuard
        : createGuard(http.passwordDigest || http.tokens ? undefined : http.hostNames),
      access: createAccess(http),
      addressOf: http.trustedProxies.length === 0
        ? undefined
        : clientAddresses(http.trustedProxies, http.socket !== undefined),
      limits: { periods: timeouts.of(http.requestTimeoutMs), cut: cutting.signal, uploads },
      buffers,
      disk,
      deliveries,
      live,
      activity,
      clients,
      during,
    }, { log, metrics, accessLog: http.accessLog });
  }

  let fetch = routesWith(first.http);
  const publish = () => ask("publish_socket");
  const server = listen((request, info) => fetch(request, info), first.http, log, uploads, publish);
  /** The certificate and key that the server has, or will have; undefined after a failure, so that a reload tries again. */
  let { tls } = first.http;

  /** Throws an error if they cannot be used. If that shows only later, it is logged. */
  function setTls(next: TlsPair): void {
    if (next.cert === tls?.cert && next.key === tls.key) return;
    server.setTls(next).catch((error) => {
      tls = undefined;
      log.write("the new TLS certificate cannot be used: the one before stays in effect", {
        "exception.message": messageOf(error),
      });
    });
    tls = next;
  }

  taken.defer(() => server.stop());
  await publishSocket(first.http, publish);
  const parts = taken.move();
  let drained: Promise<number> | undefined;

  async function drain(): Promise<number> {
    draining = true;
    const givenUpBefore = givenUp();
    work.endIdle();
    group?.leave();
    // Uploads that began before the drain may still become jobs, so the queues close after the last of them.
    await Promise.race([activity.idle(), waitedEnough.promise]);
    // Short answers that the runtime has not reported as sent count too.
    const unsent = givenUp() - givenUpBefore + activity.active;
    // Jobs whose clients have disconnected are finished too; /status responds until then.
    await work.close();
    await parts.disposeAsync();
    return unsent;
  }

  return {
    url: server.url,
    drain: () => drained ??= drain(),
    cut() {
      draining = true;
      cutting.abort();
      const cut = work.cut();
      // A client that does not read its answer must not keep the server running.
      work.close().then(() => {
        unreadTimer = setTimeout(() => {
          deliveries.giveUpAll();
          live.giveUpAll();
          waitedEnough.resolve();
        }, unreadAnswerMs);
      });
      return cut;
    },
    replace({ config, starts, spoolBytes }) {
      if (draining) return { ok: false, reason: "the server is stopping" };
      const { http } = config;
      try {
        // The only step that can fail is the first.
        if (http.tls) setTls(http.tls);
      } catch (error) {
        return { ok: false, reason: `the TLS certificate cannot be used: ${messageOf(error)}` };
      }
      work.replace({ config, starts });
      buffers.setLimit(http.maxBufferedBytes);
      disk.setLimit(spoolBytes);
      deliveries.setTimeouts(timeouts.of(http.answerTimeoutMs));
      live.setTimeouts(timeouts.of(http.answerTimeoutMs));
      log.configure(config.log);
      fetch = routesWith(http);
      return { ok: true };
    },
    reportBug: (bug) =>
      log.write("uncaught error in the service", { "exception.stacktrace": stackOf(bug) }),
  };
}
