/**
 * The request body of `POST /payload`: JSON and base64. Shared by the server and its client.
 *
 * @module
 */

import { decodeBase64, errorInBase64 } from "./base64.ts";
import { errorInId } from "./job_id.ts";
import { findLongData, type LongData } from "./long_data.ts";
import { isTooComplex, maxStructure } from "./structure.ts";
import { errorInEncoding } from "./utf8.ts";

/** The known fields of `POST /payload`; unknown keys are ignored. */
export interface PayloadRequest {
  /** The client's name for the job. */
  readonly id: string;
  /** `timeout_sec`: the client's time limit for the run, in seconds. */
  readonly timeoutSec?: number;
  /** `data`, decoded. */
  readonly payload: Uint8Array<ArrayBuffer>;
}

/** A request, or one sentence that says what is wrong with its body. */
export type Parsed =
  | { readonly ok: true; readonly request: PayloadRequest }
  | { readonly ok: false; readonly sentence: string };

/** Options for parsing a body. */
export interface ParseOptions {
  /** Value of the Content-Type header; null without one. It is read only if the body is not UTF-8, for the sentence. */
  readonly contentType?: string | null;
  /** From this body length on, in bytes, the payload may lie in the memory of the body, which then belongs to it. */
  readonly fromLength?: number;
}

/**
 * Parses the body of `POST /payload`: a JSON object (RFC 8259) in UTF-8, with or without a byte order mark, with `id`, a
 * string, and `data`, base64 (RFC 4648, section 4; padding required, line breaks allowed).
 *
 * The sentences for a missing id and missing data are part of the contract. The time this takes grows in proportion to the
 * length of the body, whatever it holds.
 */
export function parsePayloadRequest(
  body: Uint8Array<ArrayBuffer>,
  { contentType = null, fromLength = longBodyBytes }: ParseOptions = {},
): Parsed {
  if (body.length === 0) return wrong("The body is empty");
  const error = errorInEncoding(body, contentType);
  if (error !== undefined) return wrong(error);
  const found = body.length >= fromLength ? findLongData(body) : undefined;
  return (found && parseAround(found)) ?? parseWhole(body);
}

/** From this length on, in bytes, a string and a JSON tree of the body would noticeably raise memory use. */
const longBodyBytes = 2 ** 20;

/** Parses the text around the data. Undefined if only parsing the whole body can decide. */
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

/** One for all bodies: the runtime looks the class up with each use. */
const utf8 = new TextDecoder();

function parseWhole(body: Uint8Array<ArrayBuffer>): Parsed {
  const text = utf8.decode(body);
  if (isTooComplex(text)) return tooComplex;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // The runtime's message quotes the body; only the position is taken from it.
    const [, place] = /(at position \d+)/.exec((error as Error).message) ?? [];
    return wrong(`The body is not valid JSON${place ? ` (${place})` : ""}`);
  }
  return check(value, decodeBase64);
}

/** Checks the parsed JSON. `decode` is called last, when everything else is valid. */
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
  const error = errorInId(id);
  if (error !== undefined) return wrong(`Json key 'id' ${error}`);
  if (timeoutSec !== null && !(typeof timeoutSec === "number" && timeoutSec > 0)) {
    return wrong("Json key 'timeout_sec' is not a number greater than 0");
  }
  const payload = decode(data);
  if (!payload) return wrong(`Json key 'data' is not valid base64: ${errorInBase64(data)}`);
  if (payload.length === 0) return wrong("Json key 'data' missing or empty");
  // A lone surrogate, which only an escape can produce, becomes U+FFFD, as in the Go jobrunner.
  const request = { id: id.toWellFormed(), payload };
  return { ok: true, request: timeoutSec === null ? request : { ...request, timeoutSec } };
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
