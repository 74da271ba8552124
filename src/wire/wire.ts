/**
 * What travels: the JSON and base64 of requests, results and the status. Shared by the server and the client side.
 *
 * @module
 */

import { letGo } from "../async/bytes.ts";
import type { JobResult } from "../jobs/job.ts";
import { decodeBase64, faultInBase64 } from "./base64.ts";
import { findLongData, type LongData } from "./long_data.ts";
import { isTooComplex, maxStructure } from "./structure.ts";
import { faultInEncoding } from "./utf8.ts";

/** The most characters (Unicode code points) that an id may have. */
export const maxIdLength = 1024;

/** The fields of `POST /payload` that we read; unknown keys are ignored. */
export interface PayloadRequest {
  /** The client's name of the job. */
  readonly id: string;
  /** `timeout_sec`: the longest run that the client asks for. */
  readonly timeoutSec?: number;
  /** `data`, decoded. */
  readonly payload: Uint8Array<ArrayBuffer>;
}

/** A request, or one sentence that says what is wrong with it. */
export type Parsed =
  | { readonly ok: true; readonly request: PayloadRequest }
  | { readonly ok: false; readonly sentence: string };

/** How a body is to be read. */
export interface Reading {
  /** The header's value; null without one. Only a body that is not UTF-8 has it looked at, for the sentence. */
  readonly contentType?: string | null;
  /** The payload of a body of at least so many bytes may lie in the body's own memory, which then belongs to it. */
  readonly fromLength?: number;
}

/**
 * Reads the body of `POST /payload`: a JSON object (RFC 8259) in UTF-8, a byte order mark before it or not, with `id`, a
 * text, and `data`, base64 (RFC 4648 section 4, padding required, line breaks allowed).
 *
 * The sentences for a missing id and missing data are part of the contract. Whatever the body is, the time this takes grows
 * in proportion to its length.
 */
export function parsePayloadRequest(
  body: Uint8Array<ArrayBuffer>,
  { contentType = null, fromLength = longBodyBytes }: Reading = {},
): Parsed {
  if (body.length === 0) return wrong("The body is empty");
  const fault = faultInEncoding(body, contentType);
  if (fault !== undefined) return wrong(fault);
  const found = body.length >= fromLength ? findLongData(body) : undefined;
  return (found && parseAround(found)) ?? parseWhole(body);
}

/** From this length on, the text and the JSON tree of a body would show in the machine's memory. */
const longBodyBytes = 2 ** 20;

/** Undefined when the whole must be read to say what is wrong, or that nothing is. */
function parseAround(found: LongData): Parsed | undefined {
  if (isTooComplex(found.text)) return tooComplex;
  let value: unknown;
  try {
    value = JSON.parse(found.text);
  } catch {
    return undefined;
  }
  if ((value as { readonly data?: unknown } | null)?.data !== found.mark) return undefined;
  const checked = check(value, () => found.decode());
  return checked.ok ? checked : undefined;
}

function parseWhole(body: Uint8Array<ArrayBuffer>): Parsed {
  const text = new TextDecoder().decode(body);
  if (isTooComplex(text)) return tooComplex;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // The runtime's own message quotes the body; only the place is taken over.
    const [, place] = /(at position \d+)/.exec((error as Error).message) ?? [];
    return wrong(`The body is not valid JSON${place ? ` (${place})` : ""}`);
  }
  return check(value, decodeBase64);
}

/** `decode` is asked last, when everything else is right. */
function check(
  value: unknown,
  decode: (data: string) => Uint8Array<ArrayBuffer> | undefined,
): Parsed {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return wrong(`The body is not a JSON object but ${nameOf(value)}`);
  }
  const { id = null, data = null, timeout_sec: timeoutSec = null } = value as Record<
    string,
    unknown
  >;
  if (id !== null && typeof id !== "string") {
    return wrong(`Json key 'id' is not a string but ${nameOf(id)}`);
  }
  if (data !== null && typeof data !== "string") {
    return wrong(`Json key 'data' is not a string but ${nameOf(data)}`);
  }
  if (!id) return wrong("Json key 'id' missing or empty");
  if (!data) return wrong("Json key 'data' missing or empty");
  if (id.includes("\0")) return wrong("Json key 'id' contains a NUL character");
  if (isLongerThan(id, maxIdLength)) {
    return wrong(`Json key 'id' is longer than ${maxIdLength} characters`);
  }
  if (timeoutSec !== null && !(typeof timeoutSec === "number" && timeoutSec > 0)) {
    return wrong("Json key 'timeout_sec' is not a number greater than 0");
  }
  const payload = decode(data);
  if (!payload) return wrong(`Json key 'data' is not valid base64: ${faultInBase64(data)}`);
  if (payload.length === 0) return wrong("Json key 'data' missing or empty");
  const limit = timeoutSec === null ? {} : { timeoutSec };
  // Half a surrogate pair, which only an escape can be, is no character: U+FFFD, as the Go jobrunner had it.
  return { ok: true, request: { id: id.toWellFormed(), payload, ...limit } };
}

/** JSON that is made as it is wanted. */
export interface Encoded {
  /** Length of the whole in UTF-8. */
  readonly byteLength: number;
  /** The text in its order, to be gone through once. */
  readonly pieces: Iterable<string>;
  /** Gives the memory of what has not been gone through back. */
  letGo(): void;
}

/**
 * The answer of a job that ran: one line of compact JSON and a newline. The first six keys and their order are the contract;
 * ours follow, those after `ending` only when they apply. In pieces, because a string has a largest length. The memory of
 * large captures is given back as they are encoded. `onEncoded` hears of so many bytes of a capture each time that one is done.
 */
export function encodeResult(
  result: JobResult,
  onEncoded: (bytes: number) => void = () => {},
): Encoded {
  const { ending, output, error, data } = result;
  const more = JSON.stringify({
    id: result.id,
    queued_sec: toMicroseconds(result.queuedSec),
    ending: ending.kind,
    signal: "signal" in ending ? ending.signal : undefined,
    timed_out: ending.kind === "timed_out" || undefined,
    output_truncated: output.truncated || undefined,
    error_truncated: error.truncated || undefined,
    data_truncated: data.truncated || undefined,
    message: result.message,
  });
  const elapsed = toMicroseconds(result.elapsedSec);
  const parts = [
    '{"data":"',
    data.bytes,
    `","worker_id":${result.workerId},"elapsed_sec":${elapsed},"exit_status":${ending.exitStatus},"output":"`,
    output.bytes,
    '","error":"',
    error.bytes,
    `",${more.slice(1)}\n`,
  ];
  return {
    byteLength: parts.reduce((sum, part) => sum + encodedLength(part), 0),
    pieces: encodeParts(parts, onEncoded),
    letGo: () => [data, output, error].forEach(({ bytes }) => letGo(bytes)),
  };
}

const encoder = new TextEncoder();

type Part = string | Uint8Array<ArrayBuffer>;

function encodedLength(part: Part): number {
  if (typeof part !== "string") return 4 * Math.ceil(part.length / 3);
  return encoder.encode(part).length;
}

/** Bytes that are encoded at a time; a multiple of three, so that only the last piece has padding. */
const base64Slice = 3 * 2 ** 14;

function* encodeParts(
  parts: readonly Part[],
  onEncoded: (bytes: number) => void,
): Generator<string> {
  for (const part of parts) {
    if (typeof part === "string") {
      yield part;
      continue;
    }
    const { length } = part;
    for (let at = 0; at < length; at += base64Slice) {
      yield part.subarray(at, at + base64Slice).toBase64();
    }
    letGo(part);
    onEncoded(length);
  }
}

/** Bytes held in memory for requests, by what they are. */
export interface BufferedBytes {
  /** Bodies that are coming, and payloads of jobs that wait. */
  readonly bodies: number;
  /** What the commands that run have put out. */
  readonly captures: number;
  /** Results that clients have not taken yet. */
  readonly answers: number;
}

/** The state of the service, as `GET /status` tells it. */
export interface ServiceStatus {
  /** Jobs waiting in the line. */
  readonly waiting: number;
  /** Jobs started since boot. */
  readonly started: number;
  /** Version of the program. */
  readonly version: string;
  /** Seconds since the service started. */
  readonly uptimeSec: number;
  /** False once it drains. */
  readonly ready: boolean;
  /** Jobs that may wait. */
  readonly queueLimit: number;
  /** Bytes held in memory for requests. */
  readonly buffered: BufferedBytes;
  /** Workers in the order of their ids; `job` is what it runs, absent while idle. */
  readonly workers: readonly {
    readonly id: number;
    readonly sinceSec: number;
    readonly job?: {
      readonly id: string;
      readonly requestId: string;
      readonly pid?: number | undefined;
    };
  }[];
  /** Jobs that had a worker since boot, by how they ended. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Requests for a job that came to no run since boot, by reason. */
  readonly rejections: Readonly<Record<string, number>>;
  /** What jobs waited and ran in the last minutes. */
  readonly recent: {
    readonly windowSec: number;
    readonly queuedSec: Quantiles;
    readonly elapsedSec: Quantiles;
  };
}

/** Values that were measured, and their quantiles; undefined without values. */
export interface Quantiles {
  /** How many there are. */
  readonly count: number;
  /** The least value that is not below the share `q` of them. */
  quantile(q: number): number | undefined;
}

/** The body of `GET /status`: the two keys of the contract, then ours. Never a payload; ids of jobs and processes only if it is said so. */
export function encodeStatus(status: ServiceStatus, namesJobs: boolean): string {
  const { bodies, captures, answers } = status.buffered;
  return JSON.stringify({
    queued_jobs: status.waiting,
    total_jobs: status.started,
    version: status.version,
    uptime_sec: toMilliseconds(status.uptimeSec),
    state: status.ready ? "ready" : "draining",
    workers: status.workers.length,
    busy: status.workers.filter((worker) => worker.job).length,
    queue_limit: status.queueLimit,
    buffered_bytes: bodies + captures + answers,
    buffered: { bodies, captures, answers },
    worker_states: status.workers.map((worker) => ({
      worker_id: worker.id,
      state: worker.job ? "running" : "idle",
      since_sec: toMilliseconds(worker.sinceSec),
      ...(namesJobs
        ? { id: worker.job?.id, request_id: worker.job?.requestId, pid: worker.job?.pid }
        : {}),
    })),
    outcomes: status.outcomes,
    rejections: status.rejections,
    recent: {
      window_sec: status.recent.windowSec,
      queued_sec: encodeQuantiles(status.recent.queuedSec),
      elapsed_sec: encodeQuantiles(status.recent.elapsedSec),
    },
  }) + "\n";
}

/** The keys are always there: null says that nothing has been measured. */
function encodeQuantiles({ count, quantile }: Quantiles) {
  const of = (q: number) => {
    const value = quantile(q);
    return value === undefined ? null : toMicroseconds(value);
  };
  return { count, p50: of(0.5), p95: of(0.95) };
}

function wrong(sentence: string): Parsed {
  return { ok: false, sentence };
}

const tooComplex = wrong(
  `The body has more than ${maxStructure} of the characters [ { , : outside its strings`,
);

function nameOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function isLongerThan(text: string, codePoints: number): boolean {
  if (text.length <= codePoints) return false;
  return text.length > 2 * codePoints || [...text].length > codePoints;
}

/** Seconds without digits that no clock here has. */
export function toMicroseconds(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6;
}

function toMilliseconds(seconds: number): number {
  return Math.round(seconds * 1e3) / 1e3;
}
