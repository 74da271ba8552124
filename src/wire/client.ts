/**
 * The client side of the protocol: makes requests and reads results.
 *
 * @module
 */

import { decodeBase64 } from "./base64.ts";

/** The result of a job, as a client reads it from an answer. */
export interface ReceivedResult {
  /** The exit status that a shell would report. */
  readonly exitStatus: number;
  /** Standard output. */
  readonly output: Uint8Array<ArrayBuffer>;
  /** Standard error. */
  readonly error: Uint8Array<ArrayBuffer>;
  /** Content of the response file. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** Those of the keys `output`, `error` and `data` whose values were truncated. */
  readonly truncated: readonly string[];
}

/** Reads the answer for a job that ran; undefined for any other text. */
export function parseResult(body: string): ReceivedResult | undefined {
  let answer: Record<string, unknown>;
  try {
    answer = JSON.parse(body);
  } catch {
    return undefined;
  }
  const [output, error, data] = ["output", "error", "data"].map((key) => {
    const value = answer?.[key];
    return typeof value === "string" ? decodeBase64(value) : undefined;
  });
  const exitStatus = answer?.["exit_status"];
  if (!output || !error || !data || typeof exitStatus !== "number") return undefined;
  const truncated = ["output", "error", "data"].filter((key) =>
    answer[`${key}_truncated`] === true
  );
  return { exitStatus, output, error, data, truncated };
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
