/**
 * Builds the parts in order, starts them, stops them in reverse, also when one of them cannot be started.
 *
 * @module
 */

import { atMost } from "../async/at_most.ts";
import { type Listeners, runAndTell } from "./account.ts";
import { idsOf } from "../telemetry/ids.ts";
import type { During } from "../isolate/busy.ts";
import { authority } from "../config/authority.ts";
import type { Config, HttpConfig } from "../config/config.ts";
import { createDeadlines } from "../async/deadlines.ts";
import { createDispatch } from "../jobs/dispatch.ts";
import type { Cut } from "../jobs/line.ts";
import { createMemoryLine } from "../jobs/memory_line.ts";
import { createColdStart } from "../exec/cold_start.ts";
import { createScratch } from "../exec/pipe.ts";
import type { TreeEnder } from "../exec/ending.ts";
import type { RunSettings } from "../exec/run.ts";
import { openSpool } from "../spool/spool.ts";
import { createActivity } from "../http/activity.ts";
import { createAnswers, givenUpError } from "../http/answer/answers.ts";
import { createPasswordCheck } from "../http/auth.ts";
import { createGuard } from "../http/guard.ts";
import { createBuffers } from "../http/body/buffers.ts";
import { createClients } from "../http/clients.ts";
import type { FrontDoor } from "../http/door.ts";
import type { Fetch } from "../http/exchange.ts";
import { createRoutes } from "../http/routes.ts";
import { type Server, startServer } from "../http/server.ts";
import type { ClientAddress, ProcessFigures, ServiceStart } from "../isolate/messages.ts";
import { StartError } from "../isolate/start_error.ts";
import { createExposition } from "../telemetry/exposition.ts";
import { type Log, messageOf, openLog } from "../telemetry/log.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { createRecent, windowSec } from "../telemetry/recent.ts";
import { passingOn, type Tracing } from "../telemetry/trace.ts";
import { version } from "../version.ts";

/** What the main isolate does for the service. */
export interface Host {
  /** Ends processes. */
  readonly trees: TreeEnder;
  /** Measures the process that all isolates share. */
  measureProcess(): Promise<ProcessFigures>;
  /** Tells for each client whether its connection has gone. Asked once at a time. */
  findGone(clients: readonly ClientAddress[]): Promise<readonly boolean[]>;
  /** Puts the server's folder right; resolves with nothing, or with the reason why that could not be done. */
  mend(): Promise<string | undefined>;
  /** Marks the request that work is done for, so that main can see it. */
  readonly during: During;
}

/** A running service. */
export interface App {
  /** Where it listens. */
  readonly url: string;
  /**
   * Admits nothing new, waits until the last answer is handed over, then gives everything back; resolves with how many
   * answers were given up on the way. Twice is fine.
   */
  drain(): Promise<number>;
  /** Ends what is left, with an answer for every client. The drain then comes to its end. */
  cut(): Cut;
  /** Puts a bug that belongs to no request into the log. */
  reportBug(bug: unknown): void;
}

/** How long, in a cut, answers may take to be handed over after the last job has ended. */
const unreadAnswerMs = 1000;

/** How long a scrape waits for main's word on the process; then it tells the figures of the scrape before. */
const measureMs = 1000;

/**
 * Starts the service; an isolate has one log, so who has opened one already hands it over. Throws a
 * `StartError` when the address cannot be listened on.
 */
export async function startApp(
  { config, commandEnv, launcher, spool: spoolPath }: ServiceStart,
  host: Host,
  log: Log = openLog(config.log),
): Promise<App> {
  await using taken = new AsyncDisposableStack();
  let unreadTimer: ReturnType<typeof setTimeout> | undefined;
  taken.defer(() => clearTimeout(unreadTimer));
  taken.defer(() => log.flush());
  const { work, http } = config;
  const startedAt = performance.now();
  const activity = createActivity();
  const cutting = new AbortController();
  const waitedEnough = Promise.withResolvers<void>();
  const buffers = createBuffers(http.maxBufferedBytes);
  const answers = createAnswers(taken.use(createDeadlines(http.answerTimeoutMs)));
  const tracing = await openTracingOf(config, log);
  taken.defer(() => tracing.close());
  const mend = async () => {
    const problem = await host.mend();
    if (problem !== undefined) throw new Error(problem);
  };
  const line = createMemoryLine({
    workers: work.jobs.numWorkers,
    places: work.jobs.queueLimit,
    queueTimeoutMs: work.jobs.queueTimeoutMs,
  });
  let figures: ProcessFigures | undefined;
  const exposition = createExposition(() =>
    atMost(measureMs, host.measureProcess().then((measured) => void (figures = measured)))
  );
  const metrics = createMetrics(exposition, {
    numWorkers: work.jobs.numWorkers,
    queueLimit: work.jobs.queueLimit,
    scheme: http.tls ? "https" : "http",
    versions: { jobrunner: version, deno: Deno.version.deno },
    queuedJobs: () => line.waiting,
    oldestWaitSec: () => line.oldestWaitSec(),
    workersBusy: () => dispatch.pool.busy,
    buffered: () => buffers.held,
    answersGivenUp: () => answers.givenUp,
    process: () => figures,
  });
  const recent = { queuedSec: createRecent(), elapsedSec: createRecent() };
  const listeners: Listeners = { log, metrics, tracing, recent };
  const settings: RunSettings = {
    runner: createColdStart({
      command: work.command,
      commandEnv,
      launcher,
      mend,
      scratch: createScratch(),
      jobTimeoutMs: work.run.jobTimeoutMs,
      trees: host.trees,
    }),
    spool: openSpool(spoolPath, mend),
    ...work.run,
    onLeftover: (error) =>
      log.error("a job's files could not be removed", { "exception.message": messageOf(error) }),
  };
  const dispatch = createDispatch({
    line,
    size: work.jobs.numWorkers,
    run: (job, workerId) => runAndTell(job, workerId, settings, listeners),
    onBug: (bug, { spec }) =>
      log.error("a worker met a bug", { ...idsOf(spec), "exception.stacktrace": stackOf(bug) }),
  });
  taken.defer(() => dispatch.close());
  let draining = false;

  const door: FrontDoor = {
    reserve: (about, signal) => line.reserve(about, signal),
    retryAfterSec: () => line.retryAfterSec(),
    ready: () => !draining,
    beginTrace: tracing.begin,
    version,
    metricsText: exposition.text,
    status: () => ({
      waiting: line.waiting,
      started: dispatch.pool.started,
      version,
      uptimeSec: (performance.now() - startedAt) / 1000,
      queueLimit: work.jobs.queueLimit,
      workers: dispatch.pool.workers().map(({ id, job, sinceMs }) => ({
        id,
        sinceSec: sinceMs / 1000,
        ...(job ? { job: { id: job.spec.id, requestId: job.spec.requestId, pid: job.pid } } : {}),
      })),
      outcomes: metrics.outcomes(),
      rejections: metrics.rejections(),
      recent: {
        windowSec,
        queuedSec: recent.queuedSec.summary(),
        elapsedSec: recent.elapsedSec.summary(),
      },
    }),
  };
  const fetch = createRoutes(door, {
    guard: createGuard(http.passwordDigest ? undefined : http.hostNames),
    mayRun: createPasswordCheck(http.passwordDigest),
    limits: {
      maxBytes: http.maxRequestBytes,
      periods: taken.use(createDeadlines(http.requestTimeoutMs)),
      cut: cutting.signal,
    },
    onDisconnect: work.jobs.onDisconnect,
    buffers,
    answers,
    activity,
    clients: taken.use(createClients(host.findGone)),
    during: host.during,
  }, { log, metrics, accessLog: http.accessLog });
  const server = listen(fetch, http, log);
  taken.defer(() => server.stop());
  const parts = taken.move();
  let drained: Promise<number> | undefined;

  async function drain(): Promise<number> {
    draining = true;
    const givenUpBefore = answers.givenUp;
    // Uploads that began before the drain may still become jobs, so the line closes after the last of them.
    await Promise.race([activity.idle(), waitedEnough.promise]);
    // The runtime has not told of these short ones that they were handed over.
    const givenUp = answers.givenUp - givenUpBefore + activity.active;
    // Also jobs whose clients are gone are finished while whoever asks is still told the state.
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
      // A client that does not read its answer must not keep the server.
      dispatch.close().then(() => {
        unreadTimer = setTimeout(() => {
          answers.giveUpAll();
          waitedEnough.resolve();
        }, unreadAnswerMs);
      });
      return cut;
    },
    reportBug: (bug) =>
      log.error("the service met a bug", { "exception.stacktrace": stackOf(bug) }),
  };
}

/** Throws a `StartError`. */
function listen(fetch: Fetch, http: HttpConfig, log: Log): Server {
  try {
    return startServer(fetch, {
      address: http.address,
      port: http.port,
      tls: http.tls,
      onTrouble: (error) =>
        log.error("connections could not be accepted; listening again as soon as possible", {
          "exception.message": messageOf(error),
        }),
      onFault(error) {
        if (error === givenUpError) return;
        log.error("an answer could not be made to its end", {
          "exception.stacktrace": stackOf(error),
        });
      },
    });
  } catch (error) {
    throw listenError(error, http);
  }
}

/** What it takes to record spans is loaded only when they are wanted. */
async function openTracingOf(
  { tracing, work, http }: Config,
  log: Log,
): Promise<Tracing> {
  if (!tracing) return passingOn;
  const { openTracing } = await import("../telemetry/otlp.ts");
  return openTracing(tracing, {
    version,
    program: work.command.program,
    scheme: http.tls ? "https" : "http",
    address: http.address,
    port: http.port,
  }, log);
}

/** A certificate that does not fit its key is found out only now, and is not the address's fault. */
function listenError(error: unknown, { address, port, tls }: HttpConfig): StartError {
  const aboutTls = tls && error instanceof Error && /key|certificate/i.test(error.message);
  const what = aboutTls
    ? "use the TLS certificate and key"
    : `listen on ${authority(address, port)}`;
  return new StartError(`cannot ${what}: ${messageOf(error)}`);
}

function stackOf(bug: unknown): string {
  return bug instanceof Error ? bug.stack ?? String(bug) : String(bug);
}
