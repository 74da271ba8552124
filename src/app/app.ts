/**
 * Builds the parts in order, starts them, stops them in reverse. Tests call the same function as the program.
 *
 * @module
 */

import { atMost } from "../async/at_most.ts";
import { idsOf, type Listeners, runAndTell } from "./account.ts";
import type { MainAbilities } from "../isolate/abilities.ts";
import { type Ask, shared } from "../isolate/ask.ts";
import type { During } from "../isolate/busy.ts";
import { authority, type Config } from "../config/config.ts";
import { createDeadlines } from "../async/deadlines.ts";
import { createDispatch, type Cut } from "../jobs/dispatch.ts";
import { createScratch } from "../exec/capture.ts";
import type { RunSettings } from "../exec/run.ts";
import { openSpool } from "../spool/spool.ts";
import { createActivity } from "../http/activity.ts";
import { createAnswers, givenUpError } from "../http/answer/answers.ts";
import { createPasswordCheck } from "../http/auth.ts";
import { createGuard } from "../http/guard.ts";
import { createBuffers } from "../http/body/buffers.ts";
import { createClients } from "../http/clients.ts";
import { createRoutes, type FrontDoor } from "../http/routes.ts";
import { type Server, startServer } from "../http/server.ts";
import type { ProcessFigures, ServiceStart } from "../isolate/messages.ts";
import { StartError } from "../isolate/start_error.ts";
import { createExposition } from "../telemetry/exposition.ts";
import { type Log, messageOf, openLog } from "../telemetry/log.ts";
import { createMetrics } from "../telemetry/metrics.ts";
import { createRecent, windowSec } from "../telemetry/recent.ts";
import { passingOn, type Tracing } from "../telemetry/trace.ts";
import { version } from "../version.ts";

/** What the main isolate does for the service. */
export interface Host {
  /** Asks main. It can tell who has gone (`find_gone`) only once at a time. */
  readonly ask: Ask<MainAbilities>;
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
  { ask, during }: Host,
  log: Log = openLog({ format: config.logFormat, level: config.logLevel }),
): Promise<App> {
  const startedAt = performance.now();
  const activity = createActivity();
  const cutting = new AbortController();
  const waitedEnough = Promise.withResolvers<void>();
  const buffers = createBuffers(config.maxBufferedBytes);
  const answers = createAnswers(createDeadlines(config.answerTimeoutMs));
  const tracing = await openTracingOf(config, log);
  let figures: ProcessFigures | undefined;
  const measure = shared(() => ask("measure"));
  const exposition = createExposition(() =>
    atMost(measureMs, measure().then((measured) => void (figures = measured)))
  );
  const metrics = createMetrics(exposition, {
    numWorkers: config.numWorkers,
    queueLimit: config.queueLimit,
    scheme: config.tls ? "https" : "http",
    versions: { jobrunner: version, deno: Deno.version.deno },
    queuedJobs: () => dispatch.waiting,
    oldestWaitSec: () => dispatch.oldestWaitSec(),
    workersBusy: () => dispatch.pool.busy,
    buffered: () => buffers.held,
    answersGivenUp: () => answers.givenUp,
    process: () => figures,
  });
  const recent = { queuedSec: createRecent(), elapsedSec: createRecent() };
  const listeners: Listeners = { log, metrics, recent };
  const mend = shared(async () => {
    const problem = await ask("mend");
    if (problem !== undefined) throw new Error(problem);
  });
  const settings: RunSettings = {
    command: config.command,
    commandEnv,
    launcher,
    mend,
    spool: openSpool(spoolPath, mend),
    requestSuffix: config.requestSuffix,
    responseSuffix: config.responseSuffix,
    maxOutputBytes: config.maxOutputBytes,
    scratch: createScratch(),
    jobTimeoutMs: config.jobTimeoutMs,
    trees: {
      endTree: ({ pid, mark }) => ask("end_tree", { pid, mark, holdersOnly: false }),
      endHolders: ({ pid, mark }) => ask("end_tree", { pid, mark, holdersOnly: true }),
    },
    onLeftover: (error) =>
      log.error("a job's files could not be removed", { "exception.message": messageOf(error) }),
  };
  const dispatch = createDispatch({
    numWorkers: config.numWorkers,
    queueLimit: config.queueLimit,
    queueTimeoutMs: config.queueTimeoutMs,
    onDisconnect: config.onDisconnect,
    run: (job, workerId) => runAndTell(job, workerId, settings, listeners),
    onBug: (bug, request) =>
      log.error("a worker met a bug", { ...idsOf(request), "exception.stacktrace": stackOf(bug) }),
  });
  let draining = false;

  const door: FrontDoor = {
    submit: dispatch.submit,
    retryAfterSec: dispatch.retryAfterSec,
    ready: () => !draining,
    beginTrace: tracing.begin,
    version,
    metricsText: exposition.text,
    status: () => ({
      waiting: dispatch.waiting,
      started: dispatch.pool.started,
      version,
      uptimeSec: (performance.now() - startedAt) / 1000,
      queueLimit: config.queueLimit,
      workers: dispatch.pool.workers().map(({ id, job, sinceMs }) => ({
        id,
        sinceSec: sinceMs / 1000,
        ...(job
          ? { job: { id: job.request.id, requestId: job.request.requestId, pid: job.pid } }
          : {}),
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
    guard: createGuard(config.passwordDigest ? undefined : config.hostNames),
    mayRun: createPasswordCheck(config.passwordDigest),
    limits: {
      maxBytes: config.maxRequestBytes,
      periods: createDeadlines(config.requestTimeoutMs),
      cut: cutting.signal,
    },
    buffers,
    answers,
    activity,
    clients: createClients((clients) => ask("find_gone", clients)),
    during,
  }, { log, metrics, accessLog: config.accessLog });

  let server: Server;
  try {
    server = startServer(fetch, {
      address: config.listenAddress,
      port: config.listenPort,
      tls: config.tls,
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
    dispatch.close();
    await log.flush();
    throw listenError(error, config);
  }
  let drained: Promise<number> | undefined;

  async function drain(): Promise<number> {
    draining = true;
    const givenUpBefore = answers.givenUp;
    // Uploads that began before the drain may still become jobs, so the line closes after the last of them.
    await Promise.race([activity.idle(), waitedEnough.promise]);
    // The runtime has not told of these short ones that they were handed over.
    const givenUp = answers.givenUp - givenUpBefore + activity.active;
    await dispatch.close();
    await server.stop();
    await tracing.close();
    await log.flush();
    return givenUp;
  }

  return {
    url: server.url,
    drain: () => drained ??= drain(),
    cut() {
      draining = true;
      cutting.abort();
      const cut = dispatch.cut();
      // A client that does not read its answer must not keep the server.
      dispatch.close().then(() =>
        setTimeout(() => {
          answers.giveUpAll();
          waitedEnough.resolve();
        }, unreadAnswerMs)
      );
      return cut;
    },
    reportBug: (bug) =>
      log.error("the service met a bug", { "exception.stacktrace": stackOf(bug) }),
  };
}

/** What it takes to record spans is loaded only when they are wanted. */
async function openTracingOf(
  { tracing, command, listenAddress, listenPort, tls }: Config,
  log: Log,
): Promise<Tracing> {
  if (!tracing) return passingOn;
  const { openTracing } = await import("../telemetry/otlp.ts");
  return openTracing(tracing, {
    version,
    program: command.program,
    scheme: tls ? "https" : "http",
    address: listenAddress,
    port: listenPort,
  }, log);
}

/** A certificate that does not fit its key is found out only now, and is not the address's fault. */
function listenError(error: unknown, { listenAddress, listenPort, tls }: Config): StartError {
  const aboutTls = tls && error instanceof Error && /key|certificate/i.test(error.message);
  const what = aboutTls
    ? "use the TLS certificate and key"
    : `listen on ${authority(listenAddress, listenPort)}`;
  return new StartError(`cannot ${what}: ${messageOf(error)}`);
}

function stackOf(bug: unknown): string {
  return bug instanceof Error ? bug.stack ?? String(bug) : String(bug);
}
