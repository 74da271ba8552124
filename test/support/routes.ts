/**
 * The routes with a front door of plain data, without a socket.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { createDeadlines, type Deadlines } from "../../src/async/deadlines.ts";
import { createActivity } from "../../src/http/activity.ts";
import { createAccess } from "../../src/http/auth.ts";
import type { ClusterStatus } from "../../src/wire/status.ts";
import type { KnownToken } from "../../src/wire/tokens.ts";
import { createDeliveries } from "../../src/http/answer/delivery.ts";
import { createLiveAnswers, type LiveAnswers } from "../../src/http/answer/live.ts";
import { createBuffers } from "../../src/http/body/buffers.ts";
import { clientAddresses } from "../../src/http/forwarded.ts";
import { createGuard } from "../../src/http/guard.ts";
import type { Clients } from "../../src/http/clients.ts";
import type { BodyLimits } from "../../src/http/body/reading.ts";
import type { CommandDoor, FrontDoor, QueueState } from "../../src/http/door.ts";
import { createRoutes } from "../../src/http/routes.ts";
import type { DiskShare, JobHandle, JobOutcome, JobSpec, Names } from "../../src/jobs/job.ts";
import type { Place, Refusal } from "../../src/jobs/line.ts";
import type { Fields } from "../../src/telemetry/log.ts";
import { base64 } from "./client.ts";
import { diskShare, inboxInMemory } from "./inbox.ts";
import { ranOf } from "./jobs.ts";

/** The body of a request for a job. */
export const job: string = JSON.stringify({ id: "some id", data: base64("hello") });

/** What differs from a server that admits and runs everything. */
export interface Setup {
  /** The outcome of a job; or why it is refused. */
  readonly submit?: (spec: JobSpec, handle: JobHandle) => Promise<JobOutcome>;
  readonly refusal?: Refusal;
  readonly reserve?: CommandDoor["reserve"];
  readonly watch?: Clients["watch"];
  readonly password?: string;
  /** The tokens in use, at time 0; none if absent. */
  readonly tokens?: readonly KnownToken[];
  /** Networks of proxies that are trusted; none if absent. */
  readonly trustedProxies?: readonly string[];
  readonly hostNames?: readonly string[];
  readonly limits?: Partial<BodyLimits>;
  readonly maxBufferedBytes?: number;
  readonly disk?: DiskShare;
  readonly ready?: boolean;
  /** Whether the queue takes jobs; `ok` if absent. */
  readonly queueState?: QueueState;
  readonly accessLog?: boolean;
  /** The commands of a configuration file, by name; without them the only command has no name. */
  readonly commands?: Readonly<Record<string, Partial<CommandDoor>>>;
  /** Which of them is the default. */
  readonly defaultCommand?: string;
  readonly beginTrace?: FrontDoor["beginTrace"];
  /** How long a client may read nothing of an answer. */
  readonly patience?: Deadlines;
  readonly status?: Partial<ReturnType<FrontDoor["status"]>>;
}

/** A place whose job has this outcome, whatever its client does. */
function placeFor(outcomeOf: (spec: JobSpec, handle: JobHandle) => Promise<JobOutcome>): Place {
  const noHandle = { onInputStored() {}, onCaptured() {} };
  return {
    reserved: true,
    fill: (spec, handle = noHandle) => outcomeOf(spec, handle),
    leave() {},
    position: () => 0,
  };
}

/** Disk space without a limit. */
export const noDisk: DiskShare = diskShare();

/** Live answers, of which no test waits for a timeout. */
export const notLive: LiveAnswers = createLiveAnswers({
  answer: createDeadlines(Infinity),
  join: createDeadlines(Infinity),
  heartbeat: createDeadlines(Infinity),
});

/** What a command needs only for `POST /run`. */
export const noRun = {
  maxRunBytes: Infinity,
  passHeaders: [],
  responseType: "application/octet-stream",
  failedStatus: 422,
  openInbox: () => Promise.resolve(inboxInMemory().inbox),
} satisfies Partial<CommandDoor>;

/** Machines that share a queue. */
export const someCluster: ClusterStatus = {
  group: "default",
  node: "1",
  connected: true,
  serverVersion: "2.10.27",
  nodes: [],
  pools: [],
};

/** A pool without a name that has room. */
export const somePool: ReturnType<FrontDoor["status"]>["pools"][number] = {
  name: undefined,
  waiting: 2,
  queueLimit: 30,
  oldestWaitSec: 0,
  workers: [{ id: 1, sinceSec: 1 }],
};

const unmeasured = { count: 0, quantile: () => undefined };

/** The routes with a front door that answers every job with its own payload. */
export function setUp(setup: Setup = {}) {
  const log: [string, Fields | undefined][] = [];
  const rejected: string[] = [];
  const rejectedNames: (Names | undefined)[] = [];
  const asked: (string | undefined)[] = [];
  const doors = { opened: 0, released: 0 };
  const answered: [string, string | undefined, number][] = [];
  const write = (message: string, fields?: Fields) => void log.push([message, fields]);
  const { maxBytes = Infinity, ...limits } = setup.limits ?? {};
  const onlyCommand: CommandDoor = {
    name: "default",
    names: undefined,
    version: 1,
    onDisconnect: "cancel",
    maxRequestBytes: maxBytes,
    ...noRun,
    reserve: setup.reserve ??
      (() => setup.refusal ?? placeFor(setup.submit ?? ((spec) => Promise.resolve(ranOf(spec))))),
    waiting: 2,
    retryAfterSec: () => 7,
    release: () => void doors.released++,
  };
  const named = setup.commands !== undefined;
  const commands = new Map(
    Object.entries(setup.commands ?? {}).map(([name, differences]) => [name, {
      ...onlyCommand,
      name,
      names: { command: name, pool: `pool of ${name}` },
      ...differences,
    }]),
  );
  const door: FrontDoor = {
    named,
    command(name) {
      asked.push(name);
      const found = named
        ? commands.get(name ?? setup.defaultCommand ?? "")
        : name === undefined
        ? onlyCommand
        : undefined;
      if (found) doors.opened++;
      return found;
    },
    commandNames: () => [...commands.keys()].sort(),
    commands: () => ({
      defaultName: setup.defaultCommand,
      commands: [...commands.values()].map(({ name, maxRequestBytes, maxRunBytes }) => ({
        name,
        description: undefined,
        pool: `pool of ${name}`,
        numWorkers: 2,
        queueLimit: 30,
        queueTimeoutSec: Infinity,
        jobTimeoutSec: 1.5,
        maxRequestBytes,
        maxRunBytes,
        maxOutputBytes: 100,
        maxResultBytes: 200,
        busy: 1,
        queuedJobs: 0,
      })),
    }),
    version: "1.2.3",
    retryAfterSec: () => 7,
    metricsText: () => Promise.resolve("a_metric 1\n"),
    ready: () => setup.ready ?? true,
    queueState: () => setup.queueState ?? "ok",
    status: () => ({
      started: 5,
      version: "1.2.3",
      uptimeSec: 1,
      pools: [somePool],
      outcomes: {},
      rejections: {},
      recent: { windowSec: 300, queuedSec: unmeasured, elapsedSec: unmeasured },
      ...setup.status,
    }),
    beginTrace: setup.beginTrace ?? (() => undefined),
  };
  const activity = createActivity();
  const worked: [string, unknown][] = [];
  const buffers = createBuffers(setup.maxBufferedBytes ?? Infinity);
  const held = () => Object.values(buffers.held).reduce((sum, bytes) => sum + bytes);
  const fetch = createRoutes(door, {
    guard: createGuard(
      setup.password === undefined && !setup.tokens ? setup.hostNames ?? [] : undefined,
    ),
    access: createAccess({
      passwordDigest: setup.password === undefined
        ? undefined
        : new Uint8Array(createHash("sha256").update(setup.password).digest()),
      tokens: setup.tokens,
      now: () => 0,
    }),
    addressOf: setup.trustedProxies && clientAddresses(setup.trustedProxies),
    limits: {
      periods: createDeadlines(Infinity),
      cut: new AbortController().signal,
      uploads: createActivity(),
      ...limits,
    },
    buffers,
    disk: { largestBody: Infinity, open: () => setup.disk ?? noDisk },
    live: notLive,
    deliveries: createDeliveries(setup.patience ?? createDeadlines(Infinity)),
    activity,
    clients: { watch: setup.watch ?? (() => ({ [Symbol.dispose]() {} })) },
    during(requestId, work) {
      const result = work();
      worked.push([requestId, result]);
      return result;
    },
  }, {
    log: { write, flush: () => Promise.resolve() },
    metrics: {
      rejected(reason, names) {
        rejected.push(reason);
        rejectedNames.push(names);
      },
      requestArrived() {},
      requestAnswered: (method, route, status) => void answered.push([method, route, status]),
    },
    accessLog: setup.accessLog ?? false,
  });
  const send = async (path: string, init?: RequestInit, origin = "http://localhost") => {
    const response = await fetch(new Request(origin + path, init));
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  const post = (body: BodyInit, headers: Record<string, string> = {}, path = "/payload") =>
    send(path, { method: "POST", body, headers });
  const seen = { log, rejected, rejectedNames, asked, doors, answered, worked };
  return { fetch, send, post, held, buffers, activity, ...seen };
}
