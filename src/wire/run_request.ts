/**
 * The head of `POST /run`: what its URL and its headers say. The body is the payload itself.
 *
 * @module
 */

import type { RequestFacts } from "../jobs/job.ts";
import { type ContentDigest, readContentDigest } from "./content_digest.ts";
import { idHeader, timeoutHeader } from "./header_names.ts";
import { headerText } from "./header_text.ts";
import { errorInId } from "./job_id.ts";
import {
  basename,
  hasControlCharacters,
  isLongerInUtf8,
  maxFilenameBytes,
  readParameters,
} from "./parameters.ts";

/** The maximum length of a query in bytes. */
export const maxQueryBytes = 8192;

/** The maximum length in bytes of a header that the command gets: Linux starts no program with a variable of 128 KiB or more. */
export const maxPassedBytes: number = 64 * 1024;

/** Which part of a result an answer in bytes can hold; `auto` is the response file if it is not empty, else stdout. */
export const answerParts = ["auto", "data", "output", "error"] as const;

/** Name of a part that an answer in bytes can hold. */
export type AnswerPart = typeof answerParts[number];

/** What a request says besides its payload. */
export interface RunHead {
  /** The client's name for the job; without one the request id. */
  readonly id: string;
  /** The client's time limit for the run, in seconds. */
  readonly timeoutSec?: number;
  /** What an answer in bytes holds. */
  readonly answer: AnswerPart;
  /** What the command gets besides the payload, as far as it is known before the body. */
  readonly facts: Omit<RequestFacts, "contentLength">;
  /** The digest that the body must have. */
  readonly digest?: ContentDigest;
}

/** A head, or one sentence that says what is wrong with it. */
export type RunHeadRead =
  | { readonly ok: true; readonly head: RunHead }
  | { readonly ok: false; readonly sentence: string };

/** What a head is read with. */
export interface RunHeadOptions {
  /** The id that links the request, its log lines and its answer. */
  readonly requestId: string;
  /** Names in lower case of the headers that the command gets. */
  readonly passHeaders: readonly string[];
}

/** Reads the head of a request. A value in the URL goes before that of a header. */
export function readRunHead(
  { url, headers }: Pick<Request, "url" | "headers">,
  { requestId, passHeaders }: RunHeadOptions,
): RunHeadRead {
  try {
    const queryString = queryOf(url);
    const query = ownKeys(queryString);
    const digest = digestOf(headers);
    const timeoutSec = timeoutOf(query, headers);
    return {
      ok: true,
      head: {
        id: idOf(query, headers) ?? requestId,
        answer: answerOf(query),
        facts: {
          queryString,
          contentType: textOf(headers, "Content-Type"),
          filename: filenameOf(headers),
          headers: Object.fromEntries(passHeaders.map((name) => [name, textOf(headers, name)])),
        },
        ...timeoutSec === undefined ? {} : { timeoutSec },
        ...digest && { digest },
      },
    };
  } catch (error) {
    if (error instanceof Fault) return { ok: false, sentence: error.message };
    throw error;
  }
}

/** What is wrong with a head, as a sentence. */
class Fault extends Error {}

/** The text behind the question mark, as it was sent. */
function queryOf(url: string): string {
  const [, query = ""] = /^[^?#]*\?([^#]*)/.exec(url) ?? [];
  if (isLongerInUtf8(query, maxQueryBytes)) {
    throw new Fault(`The query is longer than ${maxQueryBytes} bytes`);
  }
  if (query.includes("\0")) throw new Fault("The query contains a NUL character");
  return query;
}

const ownNames = ["id", "timeout_sec", "answer"] as const;

/** Values of the query, decoded, by those names that the server reads; the others are for the command alone. */
type Query = ReadonlyMap<typeof ownNames[number], string>;

function ownKeys(query: string): Query {
  const own = new Map<typeof ownNames[number], string>();
  for (const pair of query.split("&")) {
    const [encodedName = "", ...rest] = pair.split("=");
    const name = ownNames.find((name) => name === decode(encodedName));
    if (name === undefined) continue;
    if (own.has(name)) throw new Fault(`Query key '${name}' is given more than once`);
    const value = decode(rest.join("="));
    if (value === undefined) throw new Fault(`Query key '${name}' is not UTF-8, percent-encoded`);
    own.set(name, value);
  }
  return own;
}

/** Decodes a name or value as forms encode them; undefined if it is malformed. */
function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}

/** A value of the query or, without one, of a header, with the name under which a sentence mentions it. */
function given(
  query: Query,
  key: typeof ownNames[number],
  headers: Headers,
  header: string,
): { readonly name: string; readonly value: string } | undefined {
  const value = query.get(key);
  if (value !== undefined) return { name: `Query key '${key}'`, value };
  const sent = headers.get(header);
  return sent === null ? undefined : { name: `Header '${header}'`, value: headerText(sent) };
}

function idOf(query: Query, headers: Headers): string | undefined {
  const id = given(query, "id", headers, idHeader);
  if (!id) return undefined;
  const error = id.value === "" ? "is empty" : errorInId(id.value);
  if (error !== undefined) throw new Fault(`${id.name} ${error}`);
  return id.value.toWellFormed();
}

function timeoutOf(query: Query, headers: Headers): number | undefined {
  const timeout = given(query, "timeout_sec", headers, timeoutHeader);
  if (!timeout) return undefined;
  const seconds = /^(?:\d+(?:\.\d*)?|\.\d+)$/.test(timeout.value) ? Number(timeout.value) : NaN;
  if (seconds > 0 && seconds < Infinity) return seconds;
  throw new Fault(`${timeout.name} is not a number greater than 0`);
}

function answerOf(query: Query): AnswerPart {
  const answer = query.get("answer") ?? "auto";
  const part = answerParts.find((part) => part === answer);
  if (part !== undefined) return part;
  throw new Fault(`Query key 'answer' is not one of ${answerParts.join(", ")}`);
}

function textOf(headers: Headers, name: string): string {
  const text = headerText(headers.get(name) ?? "");
  if (text.includes("\0")) throw new Fault(`Header '${name}' contains a NUL character`);
  if (isLongerInUtf8(text, maxPassedBytes)) {
    throw new Fault(`Header '${name}' is longer than ${maxPassedBytes} bytes`);
  }
  return text;
}

function filenameOf(headers: Headers): string {
  const disposition = headers.get("Content-Disposition");
  if (disposition === null) return "";
  const filename = basename(readParameters(disposition).parameters["filename"] ?? "");
  if (hasControlCharacters(filename)) {
    throw new Fault("The filename in Content-Disposition contains control characters");
  }
  if (isLongerInUtf8(filename, maxFilenameBytes)) {
    throw new Fault(`The filename in Content-Disposition is longer than ${maxFilenameBytes} bytes`);
  }
  return filename;
}

function digestOf(headers: Headers): ContentDigest | undefined {
  const value = headers.get("Content-Digest");
  if (value === null) return undefined;
  const read = readContentDigest(value);
  if (read.ok) return read.digest;
  throw new Fault(read.sentence);
}
