/**
 * What main takes from the service isolate. Clients can reach the isolate, so whatever comes from it could come from
 * somebody who has taken it over: each message is checked before anything is done about it.
 *
 * Two kinds of rules: the shape and size of every value, and how many messages may come. An honest service waits for
 * main's answers, so each type has credit: a message uses it up, and what main sends gives it back. A flood is out of
 * credit with its second message, however fast or slow main is at reading it.
 *
 * @module
 */

import { authority } from "../config/authority.ts";
import type { HttpConfig } from "../config/config.ts";
import { isMarkIn } from "../spool/spool.ts";
import type { ClientAddress, Probe, ServiceStart, ToMain, ToService } from "../isolate/messages.ts";

/** A message that keeps the rules, copied out of what came; or a sentence about the rule that was broken. */
export type Checked =
  | { readonly ok: true; readonly message: ToMain }
  | { readonly ok: false; readonly reason: string };

/** See the module's head. */
export interface Border {
  /** Main sends this: it gives credit for what may come next. */
  sent(message: ToService): void;
  /** Checks what came. Never throws; a reason names the type at most and quotes nothing. */
  check(value: unknown): Checked;
}

/** Trees that may be in the making: two per worker are ordinary, and the service may give holders up after a second. */
const treesPerWorker = 8;
const spareTrees = 1000;

/** Clients beyond those that wait and run: their answers are being made. */
const spareClients = 1000;

/** What a service that starts may send once. */
const startCredit = ["listening", "failed", "faulty", "measure", "find_gone", "mend"] as const;

/** In one second. A service that waits for answers as it should sends a few thousand at most. */
const maxMessagesPerSecond = 20_000;

const maxHostnameLength = 64;
const maxProbes = 50;
const maxProcessId = 2 ** 32 - 1;

/** The most that is kept of a text that the isolate words freely. */
const maxTextLength = 1000;

/** A text of the isolate, for the log or a terminal: cut, and without control characters. */
export function textFromIsolate(text: unknown): string {
  return String(text).slice(0, maxTextLength)
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, " ");
}

/** Own properties of a plain object; without a prototype, what is absent is undefined. */
type Own = Readonly<Record<string, unknown>>;

/** The message, or what is wanted of it. */
type Reader = (own: Own) => ToMain | string;

/** Opens the border. `now` gives milliseconds that never go back. */
export function createBorder(
  { config, spool }: Pick<ServiceStart, "config" | "spool">,
  now: () => number = () => performance.now(),
): Border {
  const { numWorkers, queueLimit } = config.work.jobs;
  const readers: Readonly<Record<ToMain["type"], Reader>> = {
    listening: ({ url }) =>
      isUrlOf(url, config.http)
        ? { type: "listening", url }
        : "the url must be the address that the configuration names",
    failed: ({ reason }) =>
      typeof reason === "string"
        ? { type: "failed", reason: textFromIsolate(reason) }
        : "the reason must be text",
    probed: ({ probes }) => readProbes(probes),
    end_tree: ({ tree }) => readTree(tree, spool),
    faulty: () => ({ type: "faulty" }),
    cut: ({ running, waiting }) =>
      isWhole(running) && isWhole(waiting)
        ? { type: "cut", running, waiting }
        : "the counts must be whole numbers, 0 or more",
    drained: ({ answersGivenUp }) =>
      isWhole(answersGivenUp)
        ? { type: "drained", answersGivenUp }
        : "the count must be a whole number, 0 or more",
    measure: () => ({ type: "measure" }),
    find_gone: ({ clients }) => readClients(clients, queueLimit + numWorkers + spareClients),
    mend: () => ({ type: "mend" }),
    pong: () => ({ type: "pong" }),
  };
  const credit = new Map<ToMain["type"], number>();
  const treesBeingEnded = new Set<number>();
  let second = { startedAt: -Infinity, messages: 0 };

  function give(type: ToMain["type"], count = 1): void {
    credit.set(type, (credit.get(type) ?? 0) + count);
  }

  function sent(message: ToService): void {
    switch (message.type) {
      case "start":
        startCredit.forEach((type) => give(type));
        return give("end_tree", treesPerWorker * numWorkers + spareTrees);
      case "probe":
        return give("probed");
      case "drain":
        return give("drained");
      case "cut":
        return give("cut");
      case "tree_ended":
        treesBeingEnded.delete(message.id);
        return give("end_tree");
      case "measured":
        return give("measure");
      case "clients_gone":
        return give("find_gone");
      case "mended":
        return give("mend");
      case "ping":
        return give("pong");
    }
  }

  function isFlood(): boolean {
    const at = now();
    if (at - second.startedAt >= 1000) second = { startedAt: at, messages: 0 };
    return ++second.messages > maxMessagesPerSecond;
  }

  function read(value: unknown): ToMain | string {
    if (isFlood()) return `at most ${maxMessagesPerSecond} messages may come in a second`;
    const own = ownOf(value);
    const type = own?.["type"];
    if (!own || !isKnown(type)) return "a message must be an object with a known type";
    const message = readers[type](own);
    if (typeof message === "string") return `${type}: ${message}`;
    const left = credit.get(type) ?? 0;
    if (left === 0) return `${type}: must come only when it is due, and no more often`;
    if (message.type === "end_tree") {
      const { id } = message.tree;
      if (treesBeingEnded.has(id)) return "end_tree: the id must not be in use";
      treesBeingEnded.add(id);
    }
    credit.set(type, left - 1);
    if (type === "listening") credit.delete("failed");
    return message;
  }

  function isKnown(type: unknown): type is ToMain["type"] {
    return typeof type === "string" && Object.hasOwn(readers, type);
  }

  return {
    sent,
    check(value) {
      let message: ToMain | string;
      try {
        message = read(value);
      } catch {
        message = "a message must be plain data";
      }
      return typeof message === "string" ? { ok: false, reason: message } : { ok: true, message };
    },
  };
}

/** Undefined for what is no plain object. */
function ownOf(value: unknown): Own | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (Object.getPrototypeOf(value) !== Object.prototype) return undefined;
  return Object.assign(Object.create(null), value);
}

function isWhole(value: unknown, most = Number.MAX_SAFE_INTEGER): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most;
}

/** The service listens where it was told to; only a port 0 leaves it a choice. */
function isUrlOf(url: unknown, { tls, address, port: wantedPort }: HttpConfig): url is string {
  if (typeof url !== "string") return false;
  const port = /:([1-9]\d{0,4})$/.exec(url)?.[1];
  const wanted = authority(address, wantedPort || Number(port));
  return port !== undefined && url === `${tls ? "https" : "http"}://${wanted}`;
}

function readTree(value: unknown, spool: string): ToMain | string {
  const own = ownOf(value);
  if (!own) return "the tree must be an object";
  const { id, pid, mark, holdersOnly } = own;
  if (!isWhole(id) || id === 0) return "the id must be a whole number, 1 or more";
  if (!isWhole(pid, maxProcessId) || pid === 0) return "the pid must be a process id";
  if (typeof mark !== "string" || !isMarkIn(spool, mark)) {
    return "the mark must be the path of a job's folder in the spool";
  }
  if (typeof holdersOnly !== "boolean") return "holdersOnly must be true or false";
  return { type: "end_tree", tree: { id, pid, mark, holdersOnly } };
}

function readClients(value: unknown, most: number): ToMain | string {
  if (!Array.isArray(value) || value.length > most) {
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
  return { type: "find_gone", clients };
}

function readProbes(value: unknown): ToMain | string {
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
  return { type: "probed", probes };
}
