/**
 * The client side of the protocol: makes requests and reads results.
 *
 * @module
 */

import { decodeBase64 } from "./base64.ts";

/** What a result says besides the bytes. */
export interface ReceivedHead {
  /** The exit status that a shell would report. */
  readonly exitStatus: number;
  /** Those of the keys `output`, `error` and `data` whose values were truncated. */
  readonly truncated: readonly string[];
}

/** The result of a job, as a client reads it from an answer. */
export interface ReceivedResult extends ReceivedHead {
  /** Standard output. */
  readonly output: Uint8Array<ArrayBuffer>;
  /** Standard error. */
  readonly error: Uint8Array<ArrayBuffer>;
  /** Content of the response file. */
  readonly data: Uint8Array<ArrayBuffer>;
}

/** Reads the answer for a job that ran; undefined for any other text. */
export function parseResult(body: string): ReceivedResult | undefined {
  const answer = objectIn(body);
  const head = answer && resultHeadOf(answer);
  const [output, error, data] = ["output", "error", "data"].map((key) => {
    const value = answer?.[key];
    return typeof value === "string" ? decodeBase64(value) : undefined;
  });
  return head && output && error && data ? { ...head, output, error, data } : undefined;
}

/** Reads the part of a result that comes without the bytes; undefined for any other text. */
export function parseResultHead(text: string): ReceivedHead | undefined {
  const answer = objectIn(text);
  return answer && resultHeadOf(answer);
}

/** Reads what a result in JSON says besides the bytes; undefined if it is none. */
export function resultHeadOf(answer: Readonly<Record<string, unknown>>): ReceivedHead | undefined {
  const exitStatus = answer["exit_status"];
  if (typeof exitStatus !== "number") return undefined;
  const truncated = ["output", "error", "data"].filter((key) =>
    answer[`${key}_truncated`] === true
  );
  return { exitStatus, truncated };
}

/** An error of the server, as a client reads it (RFC 9457). */
export interface ReceivedProblem {
  /** What kind of error it is. */
  readonly code: string;
  /** The sentence about it. */
  readonly detail: string;
}

/** Reads problem details; undefined for those of another server, which have no `code`, and for any other text. */
export function parseProblem(text: string): ReceivedProblem | undefined {
  const problem = objectIn(text);
  return problem && problemOf(problem);
}

/** Reads problem details in JSON; undefined if they have no `code`. */
export function problemOf(
  { code, detail }: Readonly<Record<string, unknown>>,
): ReceivedProblem | undefined {
  if (typeof code !== "string") return undefined;
  return { code, detail: typeof detail === "string" ? detail : code };
}

/** The object that a text is in JSON; undefined for any other text. */
export function objectIn(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null
      ? value as Readonly<Record<string, unknown>>
      : undefined;
  } catch {
    return undefined;
  }
}

/** Encodes the body of `POST /payload` from a payload that comes in pieces. */
export interface PayloadEncoder {
  /** The text before the payload. */
  readonly head: string;
  /** Length of the whole body, in bytes, for a payload of `payloadBytes` bytes. */
  bodyLength(payloadBytes: number): number;
  /** Encodes the next bytes of the payload. */
  encode(bytes: Uint8Array): string;
  /** The text that completes the body after the last `encode`. */
  end(): string;
}

/** Makes an encoder for the body of one request. */
export function createPayloadEncoder(
  { id, timeoutSec }: { readonly id: string; readonly timeoutSec?: number | undefined },
): PayloadEncoder {
  const head = `${JSON.stringify({ id, timeout_sec: timeoutSec }).slice(0, -1)},"data":"`;
  const tail = '"}';
  let rest = new Uint8Array();
  return {
    head,
    bodyLength(payloadBytes) {
      return new TextEncoder().encode(head).length + 4 * Math.ceil(payloadBytes / 3) + tail.length;
    },
    encode(bytes) {
      const all = new Uint8Array(rest.length + bytes.length);
      all.set(rest);
      all.set(bytes, rest.length);
      // Only the last piece may have padding.
      const whole = all.length - all.length % 3;
      rest = all.slice(whole);
      return all.subarray(0, whole).toBase64();
    },
    end: () => rest.toBase64() + tail,
  };
}
