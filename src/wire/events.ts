/**
 * Live output: the events of one job, as server-sent events (WHATWG HTML, section 9.2) or as lines of JSON.
 *
 * Each event has a number `seq`, counted from 0. As a line of JSON it is one object with `event`, `seq` and its own keys, as a
 * server-sent event `seq` is its id too and `event` its type. The last event is `exit` or `error`.
 *
 * @module
 */

import type { JobResult } from "../jobs/job.ts";
import type { OutputPiece } from "./output_piece.ts";
import type { ProgressReport } from "./progress_line.ts";
import { resultKeys } from "./result.ts";

/** The formats of live output: server-sent events, or one line of JSON for each event. */
export type LiveFormat = "sse" | "ndjson";

/** The content types of live output. */
export const liveContentTypes: Readonly<Record<LiveFormat, string>> = {
  sse: "text/event-stream",
  ndjson: "application/x-ndjson",
};

/** An event, apart from its number and from `exit`. */
export type LiveEvent =
  | {
    /** The job waits. */
    readonly event: "queued";
    /** Its position in the queue; 1 is next, 0 if a worker takes it at once. */
    readonly place: number;
  }
  | {
    /** The command has started. */
    readonly event: "started";
    /** Number of the worker that runs it. */
    readonly worker_id: number;
    /** Process id of the command. */
    readonly pid: number;
    /** Name of the machine that runs it; absent on one machine. */
    readonly node?: string | undefined;
  }
  | {
    /** The command wrote output. */
    readonly event: "stdout" | "stderr";
  } & OutputPiece
  | {
    /** The command reported how far it is. */
    readonly event: "progress";
  } & ProgressReport
  | {
    /** Output is missing here: the client reads too slowly, or it was lost on its way from another machine. */
    readonly event: "truncated";
    /** Bytes of stdout that are missing; absent if none are. */
    readonly stdout_bytes?: number | undefined;
    /** Bytes of stderr that are missing; absent if none are. */
    readonly stderr_bytes?: number | undefined;
  }
  | {
    /** Nothing has happened for a while; only in lines of JSON. */
    readonly event: "ping";
  }
  | {
    /** There is no result, and no further event. */
    readonly event: "error";
    /** Status that the answer would have if it had not begun. */
    readonly status: number;
    /** What kind of problem it is, as in an error answer. */
    readonly code: string;
    /** A sentence for people. */
    readonly detail: string;
    /** Whole seconds after which a retry is worthwhile; absent if it is not. */
    readonly retry_after_sec?: number | undefined;
  };

/** How long a browser waits before it connects again, in milliseconds, as the first bytes of server-sent events. */
const retryLine = "retry: 2000\n\n";

/** What a live answer begins with; may be empty. */
export function liveOpening(format: LiveFormat): string {
  return format === "sse" ? retryLine : "";
}

/** A comment, which a reader of server-sent events ignores. */
const commentLine = ": \n\n";

/** What is sent when nothing has happened for a while: a comment, which has no number, or undefined for the event `ping`. */
export function liveComment(format: LiveFormat): string | undefined {
  return format === "sse" ? commentLine : undefined;
}

/** Encodes an event. */
export function encodeEvent(
  { event, ...more }: LiveEvent,
  seq: number,
  format: LiveFormat,
): string {
  return eventHead(event, { seq, ...more }, format) + eventEnd(format);
}

/** The keys of an event besides `event`. */
interface Numbered extends Readonly<Record<string, unknown>> {
  readonly seq: number;
}

/** The text of an event up to its closing brace. */
function eventHead(event: string, keys: Numbered, format: LiveFormat): string {
  return format === "sse"
    ? `id: ${keys.seq}\nevent: ${event}\ndata: ${jsonLine(keys).slice(0, -1)}`
    : jsonLine({ event, ...keys }).slice(0, -1);
}

function eventEnd(format: LiveFormat): string {
  return format === "sse" ? "}\n\n" : "}\n";
}

/** JSON without what any reader takes for the end of a line: JSON itself escapes only those of ASCII. */
function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u0085\u2028\u2029]/g,
    (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The longest response file, in bytes, that the event `exit` carries. */
const maxExitDataBytes = 2 ** 20;

/** Number of bytes that are read and encoded at a time: a multiple of three, so that only the last piece has padding. */
const sliceBytes = 3 * 2 ** 14;

/**
 * Encodes `exit`, the last event of a job that ran, piece by piece. It has the keys of the answer of `POST /payload`, without
 * those of stdout and stderr. A response file of more than 1 MiB is left out: then `data_bytes` is its length, and
 * `data_truncated` is true. Rejects if the file cannot be read to its end; the caller closes it.
 */
export async function* encodeExit(
  result: JobResult,
  seq: number,
  format: LiveFormat,
): AsyncGenerator<string> {
  const { data } = result;
  const length = data.file?.length ?? data.bytes.length;
  const isLeftOut = length > maxExitDataBytes;
  const head = eventHead("exit", {
    seq,
    ...resultKeys(result),
    output_truncated: undefined,
    error_truncated: undefined,
    data_truncated: isLeftOut || data.truncated || undefined,
    data_bytes: isLeftOut ? length : undefined,
  }, format);
  if (isLeftOut) {
    yield head + eventEnd(format);
    return;
  }
  let text = `${head},"data":"`;
  for (let at = 0; at < length; at += sliceBytes) {
    if (at > 0) {
      yield text;
      text = "";
    }
    text += (await sliceOf(data, at, Math.min(sliceBytes, length - at))).toBase64();
  }
  yield `${text}"${eventEnd(format)}`;
}

async function sliceOf(
  { bytes, file }: JobResult["data"],
  at: number,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!file) return bytes.subarray(at, at + length);
  const slice = new Uint8Array(length);
  for (let read = 0; read < length;) {
    const more = await file.read(at + read, slice.subarray(read));
    if (more === 0) throw new Error("the response file is shorter than its length says");
    read += more;
  }
  return slice;
}
