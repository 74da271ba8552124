/**
 * The client's side of what travels: requests are made, results are read.
 *
 * @module
 */

import { decodeBase64 } from "./base64.ts";

/** What a client makes of an answer. */
export interface ReceivedResult {
  /** As a shell would have it. */
  readonly exitStatus: number;
  /** Standard output. */
  readonly output: Uint8Array<ArrayBuffer>;
  /** Standard error. */
  readonly error: Uint8Array<ArrayBuffer>;
  /** The response file. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** Names of the keys that were cut: `output`, `error`, `data`. */
  readonly truncated: readonly string[];
}

/** Reads the answer of a job that ran; undefined for anything else. */
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

/** The body of `POST /payload` around a payload that comes in pieces. */
export interface PayloadEncoder {
  /** What comes before the payload. */
  readonly head: string;
  /** Bytes of the whole body around a payload of so many bytes. */
  bodyLength(payloadBytes: number): number;
  /** The next bytes of the payload. */
  encode(bytes: Uint8Array): string;
  /** What comes after the last of them. */
  end(): string;
}

/** Makes the body of one request. */
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
