/**
 * The client side of live output: reads the events of a job, one JSON object on each line.
 *
 * @module
 */

import { decodeBase64 } from "./base64.ts";
import {
  objectIn,
  problemOf,
  type ReceivedHead,
  type ReceivedProblem,
  resultHeadOf,
} from "./client.ts";

/** An event of a job, as a client reads it. */
export type ReceivedEvent =
  /** The job waits, at this place, from 1; 0 if a worker takes it at once. */
  | { readonly kind: "queued"; readonly place: number }
  /** The command runs. */
  | { readonly kind: "started" }
  /** The command wrote bytes. */
  | {
    readonly kind: "stdout" | "stderr";
    readonly bytes: Uint8Array<ArrayBuffer>;
  }
  /** How far the command is, in percent, and what it says about that. */
  | { readonly kind: "progress"; readonly percent: number; readonly text: string }
  /** So many bytes of output are missing here: the client read too slowly, or they were lost between two machines. */
  | { readonly kind: "truncated"; readonly bytes: number }
  /** The result; always last. */
  | {
    readonly kind: "exit";
    readonly result: ReceivedHead;
    /** Content of the response file; undefined if it is too large for an event. */
    readonly data: Uint8Array<ArrayBuffer> | undefined;
    /** Length of the response file in bytes. */
    readonly dataBytes: number;
  }
  /** There is no result; always last. */
  | {
    readonly kind: "error";
    readonly status: number;
    readonly problem: ReceivedProblem | undefined;
    /** After how many seconds to try again; undefined without a word on that. */
    readonly retryAfterSec: number | undefined;
  }
  /** An event that this client does not know, or need. */
  | { readonly kind: "other" };

/** Reads a line; undefined if it is not an event. */
export function parseEvent(line: string): ReceivedEvent | undefined {
  const event = objectIn(line);
  switch (event?.["event"]) {
    case "queued":
      return { kind: "queued", place: numberIn(event, "place") ?? 0 };
    case "started":
      return { kind: "started" };
    case "stdout":
    case "stderr": {
      const bytes = bytesIn(event);
      return bytes && { kind: event["event"], bytes };
    }
    case "progress": {
      const percent = Math.min(100, Math.max(0, numberIn(event, "percent") ?? 0));
      const text = event["text"];
      return { kind: "progress", percent, text: typeof text === "string" ? text : "" };
    }
    case "truncated":
      return {
        kind: "truncated",
        bytes: (numberIn(event, "stdout_bytes") ?? 0) + (numberIn(event, "stderr_bytes") ?? 0),
      };
    case "exit":
      return exitOf(event);
    case "error":
      return {
        kind: "error",
        status: numberIn(event, "status") ?? 500,
        problem: problemOf(event),
        retryAfterSec: numberIn(event, "retry_after_sec"),
      };
    default:
      return typeof event?.["event"] === "string" ? { kind: "other" } : undefined;
  }
}

function exitOf(event: Readonly<Record<string, unknown>>): ReceivedEvent | undefined {
  const result = resultHeadOf(event);
  const encoded = event["data"];
  const data = typeof encoded === "string" ? decodeBase64(encoded) : undefined;
  if (!result || typeof encoded === "string" && !data) return undefined;
  const dataBytes = numberIn(event, "data_bytes") ?? data?.length ?? 0;
  return {
    kind: "exit",
    result,
    data: data ?? (dataBytes === 0 ? new Uint8Array() : undefined),
    dataBytes,
  };
}

/** The bytes of an event: text, or base64 of what is not UTF-8. */
function bytesIn(event: Readonly<Record<string, unknown>>): Uint8Array<ArrayBuffer> | undefined {
  const { text, base64 } = event;
  if (typeof text === "string") return new TextEncoder().encode(text);
  return typeof base64 === "string" ? decodeBase64(base64) : undefined;
}

function numberIn(event: Readonly<Record<string, unknown>>, key: string): number | undefined {
  const value = event[key];
  return typeof value === "number" ? value : undefined;
}
