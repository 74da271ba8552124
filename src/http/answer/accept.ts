/**
 * Chooses the format of an answer by the request's Accept header (RFC 9110, section 12.5.1).
 *
 * @module
 */

import type { LiveFormat } from "../../wire/events.ts";

/**
 * A format of the answer to a job.
 *
 * - `bytes`: the bytes of one output.
 * - `json`: one JSON object, outputs in base64.
 * - `form`: a form (`multipart/form-data`) with the result and all outputs.
 * - `sse`, `ndjson`: the events of the job while it waits and runs.
 */
export type Format = "bytes" | "json" | "form" | LiveFormat;

/** The type of bytes of which nothing else is known, and so the response type of a command that has none of its own. */
export const octetStream = "application/octet-stream";

/** The formats that have a media type of their own. */
const ownTypes: readonly (readonly [Exclude<Format, "bytes">, string])[] = [
  ["json", "application/json"],
  ["form", "multipart/form-data"],
  ["sse", "text/event-stream"],
  ["ndjson", "application/x-ndjson"],
];

/** A media range of the header, such as `image/*`. */
interface Range {
  /** In lower case, without parameters. */
  readonly name: string;
  /** Its weight, from 0 (not acceptable) to 1. */
  readonly weight: number;
  /** Its position in the header. */
  readonly place: number;
}

/** How much the client wants something: by weight, then by the place in its list. */
type Wish = Pick<Range, "weight" | "place">;

/**
 * The format that the header prefers; undefined if it accepts none. Bytes are `application/octet-stream`, `responseType`
 * and, since they can be stdout, `text/plain`. Each other format has one type, which always means that format, even if
 * it is the `responseType`. Bytes win over formats with the same weight, and so without a header; among the others the
 * order of the list decides. Parameters other than `q` do not matter.
 */
export function formatOf(accept: string | null, responseType: string): Format | undefined {
  const ranges = rangesOf(accept);
  if (ranges.size === 0) return "bytes";
  let best: Format | undefined = "bytes";
  let wish: Wish = { weight: 0, place: -1 };
  for (const type of bytesTypes(responseType)) {
    const { weight } = wishFor(type, ranges);
    if (weight > wish.weight) wish = { weight, place: -1 };
  }
  if (wish.weight === 0) best = undefined;
  for (const [format, type] of ownTypes) {
    const candidate = wishFor(type, ranges);
    if (!isBefore(candidate, wish)) continue;
    best = format;
    wish = candidate;
  }
  return best;
}

/**
 * The live format that the header of a request to `/payload` names, if the client prefers it to JSON and to whatever else;
 * otherwise undefined, and the answer is JSON.
 */
export function liveFormatOf(accept: string | null): LiveFormat | undefined {
  if (accept === null || !/event-stream|ndjson/i.test(accept)) return undefined;
  const ranges = rangesOf(accept);
  let best: LiveFormat | undefined;
  let wish = wishFor("application/json", ranges);
  const any = ranges.get("*/*");
  if (any && isBefore(any, wish)) wish = any;
  for (const [format, type] of ownTypes) {
    if (format !== "sse" && format !== "ndjson") continue;
    const named = ranges.get(type);
    if (!named || !isBefore(named, wish)) continue;
    best = format;
    wish = named;
  }
  return best;
}

/** The media types of all formats, for a client that accepts none of them. */
export function typesOf(responseType: string): string[] {
  return [...bytesTypes(responseType), ...ownTypes.map(([, type]) => type)];
}

function bytesTypes(responseType: string): Set<string> {
  const own = (responseType.split(";", 1)[0] ?? "").trim().toLowerCase();
  const types = new Set([octetStream, own, "text/plain"]);
  for (const [, type] of ownTypes) types.delete(type);
  return types;
}

/** Whether the first is wanted more. What is not acceptable is not wanted. */
function isBefore(one: Wish, other: Wish): boolean {
  if (one.weight !== other.weight) return one.weight > other.weight;
  return one.weight > 0 && one.place < other.place;
}

/** The most specific range that a type is in decides. */
function wishFor(type: string, ranges: ReadonlyMap<string, Range>): Wish {
  const whole = type.slice(0, type.indexOf("/"));
  return ranges.get(type) ?? ranges.get(`${whole}/*`) ?? ranges.get("*/*") ?? unwanted;
}

const unwanted: Wish = { weight: 0, place: Infinity };

/**
 * The ranges of the header by name; of several with the same name the one with the greatest weight. What is not a range is
 * left out. All expressions take linear time: the header can be as large as all headers together.
 */
function rangesOf(accept: string | null): Map<string, Range> {
  const ranges = new Map<string, Range>();
  // Only in quoted strings, which no weight is, a comma or semicolon does not separate.
  const unquoted = (accept ?? "").replace(/"(?:[^"\\]|\\.?)*"?/g, '""');
  for (const [place, element] of unquoted.split(",").entries()) {
    const [first = "", ...parameters] = element.split(";");
    const name = first.trim().toLowerCase();
    // Some clients send a bare asterisk.
    const range = { name: name === "*" ? "*/*" : name, weight: weightOf(parameters), place };
    if (!isRange(range.name)) continue;
    const known = ranges.get(range.name);
    if (!known || range.weight > known.weight) ranges.set(range.name, range);
  }
  return ranges;
}

function isRange(name: string): boolean {
  return /^(?:\*\/\*|[!#$%&'+.^_`|~\w-]+\/(?:\*|[!#$%&'+.^_`|~\w-]+))$/.test(name);
}

/** The value of `q`; 1 if there is none, or if it is not a number from 0 to 1. */
function weightOf(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    const [name = "", value = ""] = parameter.split("=", 2);
    if (name.trim().toLowerCase() !== "q") continue;
    const weight = value.trim();
    return /^(?:[01]?\.\d+|[01]\.?)$/.test(weight) ? Math.min(Number(weight), 1) : 1;
  }
  return 1;
}
