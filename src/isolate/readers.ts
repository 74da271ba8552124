/**
 * Reads what the service isolate sent as a value of one kind. Clients can reach the isolate, so an attacker may control it:
 * the shape and size of every value are checked, and valid values are copied.
 *
 * @module
 */

import { authority } from "../config/authority.ts";
import type { Config, HttpConfig } from "../config/config.ts";
import { maxCommands } from "../config/max_commands.ts";
import { unsafeCharacters } from "../config/shown.ts";
import type { Cut } from "../jobs/line.ts";
import { isMarkIn } from "../spool/spool.ts";
import type {
  ClientAddress,
  Probe,
  QueueTrial,
  Replaced,
  ServiceStart,
  Started,
  TreeRequest,
  UnusedLauncher,
} from "./messages.ts";

/** What main knows about the service that it has started. */
export interface Known extends Pick<ServiceStart, "config" | "programs" | "spool"> {
  /** Bounds of what its jobs can need. */
  readonly most: Most;
}

/** Bounds of what the jobs of a service can need. Jobs of an earlier configuration may still run under a later one. */
export interface Most {
  /** Workers of all configurations that the service has had. */
  readonly workers: number;
  /** Places in their queues. */
  readonly places: number;
  /** The longest time between SIGTERM and SIGKILL, in milliseconds. */
  readonly graceMs: number;
}

/** What the places of other machines that share a queue are taken to be: jobs of this machine's clients may have all of them. */
const placesElsewhere = 1_000_000;

/** The bounds after a service was given this configuration; `before`: those until then. */
export function mostOf(
  { pools, commands, http, cluster }: Config,
  before: Most = { workers: 0, places: 0, graceMs: 0 },
): Most {
  return {
    workers: pools.reduce((sum, { numWorkers }) => sum + numWorkers, before.workers),
    // Each token has at most one place more in each queue, and so has the password.
    places: pools.reduce(
      (sum, { queueLimit }) => sum + queueLimit + (http.tokens ? http.tokens.length + 1 : 0),
      before.places + (cluster ? placesElsewhere : 0),
    ),
    graceMs: Math.max(before.graceMs, ...commands.map(({ killGraceMs }) => killGraceMs)),
  };
}

/**
 * Returns a copy of the value, or a sentence about the rule that it breaks, which quotes nothing of it. So the value
 * itself cannot be a string; a string must be inside an object.
 */
export type Reader<T> = [Extract<T, string>] extends [never]
  ? (value: unknown, known: Known) => T | string
  : never;

/** Own properties of a plain object, without a prototype: an absent property is undefined. */
export type Own = Readonly<Record<string, unknown>>;

/** Clients beyond those whose jobs wait or run: their answers are being sent. */
const spareClients = 1000;

const maxHostnameLength = 64;
const maxProbes = 50 + maxCommands;
const maxSentences = 1000;
const maxProcessId = 2 ** 32 - 1;

/** Maximum length of a free text from the isolate; the rest is dropped. */
const maxTextLength = 1000;

/** A text from the isolate, for the log or a terminal: truncated, and without control characters. */
export function textFromIsolate(text: unknown): string {
  return String(text).slice(0, maxTextLength).replace(unsafeCharacters, " ");
}

/** The value's own properties; undefined if it is not a plain object. */
export function ownOf(value: unknown): Own | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (Object.getPrototypeOf(value) !== Object.prototype) return undefined;
  return Object.assign(Object.create(null), value);
}

/** Whether the value is an exact whole number from 0 to `most`. */
export function isWhole(value: unknown, most: number = Number.MAX_SAFE_INTEGER): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most;
}

/** Reads questions and answers that consist of their kind alone. */
export function readNothing(value: unknown): undefined | string {
  return value === undefined ? undefined : "there must be no value";
}

/** Reads which processes to kill: only those with the mark of a job in the service's own spool. */
export function readTree(value: unknown, { spool, most }: Known): TreeRequest | string {
  const own = ownOf(value);
  if (!own) return "the tree must be an object";
  const { pid, mark, holdersOnly, graceMs } = own;
  if (!isWhole(pid, maxProcessId) || pid === 0) return "the pid must be a process id";
  if (typeof mark !== "string" || !isMarkIn(spool, mark)) {
    return "the mark must be the path of a job's folder in the spool";
  }
  if (typeof holdersOnly !== "boolean") return "holdersOnly must be true or false";
  if (typeof graceMs !== "number" || !(graceMs >= 0 && graceMs <= most.graceMs)) {
    return "graceMs must be a time of the configuration";
  }
  return { pid, mark, holdersOnly, graceMs };
}

/** Reads the path of a launcher, which must be one of those that the service may start. */
export function readLauncher(value: unknown, { programs }: Known): UnusedLauncher | string {
  const { path } = ownOf(value) ?? {};
  if (typeof path !== "string" || !programs.includes(path)) {
    return "the path must be that of a launcher";
  }
  return { path };
}

/** Reads a list of clients, no longer than there can be clients. */
export function readClients(value: unknown, { most }: Known): ClientAddress[] | string {
  if (!Array.isArray(value) || value.length > most.places + most.workers + spareClients) {
    return "the clients must be a list, no longer than there can be clients";
  }
  const clients: ClientAddress[] = [];
  for (const entry of value) {
    const { hostname, port } = ownOf(entry) ?? {};
    if (typeof hostname !== "string" || hostname.length > maxHostnameLength) {
      return "the hostname must be an address";
    }
    if (!isWhole(port, 65535)) return "the port must be a whole number from 0 to 65535";
    clients.push({ hostname, port });
  }
  return clients;
}

/** Reads where the service listens, which must be the configured address. Its reason for a failure is only displayed. */
export function readStarted(value: unknown, { config }: Known): Started | string {
  const { url, reason } = ownOf(value) ?? {};
  if (typeof reason === "string") return { reason: textFromIsolate(reason) };
  return isUrlOf(url, config.http)
    ? { url }
    : "the url must be the address that the configuration names";
}

/** Whether the URL has the configured address. The service may choose the port only if port 0 is configured. */
function isUrlOf(
  url: unknown,
  { tls, address, socket, port: wantedPort }: HttpConfig,
): url is string {
  if (typeof url !== "string") return false;
  if (socket) return url === address;
  const port = /:([1-9]\d{0,4})$/.exec(url)?.[1];
  const wanted = authority(address, wantedPort || Number(port));
  return port !== undefined && url === `${tls ? "https" : "http"}://${wanted}`;
}

/** Reads whether settings were replaced. The reason why not is only displayed. */
export function readReplaced(value: unknown): Replaced | string {
  const { ok, reason } = ownOf(value) ?? {};
  if (ok === true) return { ok };
  if (ok === false && typeof reason === "string") return { ok, reason: textFromIsolate(reason) };
  return "the result must be ok or a reason";
}

/** Reads a short list of probes. */
export function readProbes(value: unknown): Probe[] | string {
  if (!Array.isArray(value) || value.length > maxProbes) return "the probes must be a short list";
  const probes: Probe[] = [];
  for (const entry of value) {
    const { attempt, allowed, expected } = ownOf(entry) ?? {};
    if (
      typeof attempt !== "string" || typeof allowed !== "boolean" || typeof expected !== "boolean"
    ) {
      return "a probe must say what was tried, what came of it and what is expected";
    }
    probes.push({ attempt: textFromIsolate(attempt), allowed, expected });
  }
  return probes;
}

/** Reads what came of trying the queue. The sentences are only displayed. */
export function readQueueTrial(value: unknown): QueueTrial | undefined | string {
  if (value === undefined) return undefined;
  const own = ownOf(value) ?? {};
  const [found, warnings, errors] = [own["found"], own["warnings"], own["errors"]].map(
    readSentences,
  );
  return found && warnings && errors
    ? { found, warnings, errors }
    : "the trial must have short lists of sentences";
}

function readSentences(value: unknown): string[] | undefined {
  return Array.isArray(value) && value.length <= maxSentences
    ? value.map(textFromIsolate)
    : undefined;
}

/** Reads a count. */
export function readCount(value: unknown): number | string {
  return isWhole(value) ? value : "the count must be a whole number, 0 or more";
}

/** Reads how many jobs a forced stop affected. */
export function readCut(value: unknown): Cut | string {
  const { running, waiting } = ownOf(value) ?? {};
  return isWhole(running) && isWhole(waiting)
    ? { running, waiting }
    : "the counts must be whole numbers, 0 or more";
}
