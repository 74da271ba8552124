/**
 * What `POST /payload` takes: JSON and base64. Shared by the server and the client side.
 *
 * @module
 */

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
export interface ParseOptions {
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
  { contentType = null, fromLength = longBodyBytes }: ParseOptions = {},
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
