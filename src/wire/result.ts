/**
 * A job's result as JSON: with its outputs in base64, or with their lengths only.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { freeMemory } from "../async/bytes.ts";
import type { JobResult } from "../jobs/job.ts";
import { toMicroseconds } from "./rounding.ts";

/** JSON that is made while it is read. */
export interface Encoded {
  /** Length of the whole text in bytes of UTF-8. */
  readonly byteLength: number;
  /** The text in pieces, which can be iterated once. */
  readonly pieces: Iterable<string>;
  /** Frees the memory of captures that have not been encoded yet. */
  free(): void;
}

/**
 * Encodes the answer for a job that ran: one line of compact JSON and a newline. The first six keys and their order are the
 * contract; ours follow, those after `ending` only if they apply, first the names of command, pool and machine. The text comes in
 * pieces, because the length of a string is limited; small captures are one piece, which is made at once. The memory of each
 * large capture is freed once it is encoded. `onEncoded` is called with the length of the captures that are done.
 */
export function encodeResult(
  result: JobResult,
  onEncoded: (bytes: number) => void = () => {},
): Encoded {
  const { ending } = result;
  const data = result.data.bytes;
  const output = result.output.bytes;
  const error = result.error.bytes;
  const beforeData = '{"data":"';
  const elapsed = toMicroseconds(result.elapsedSec);
  const beforeOutput =
    `","worker_id":${result.workerId},"elapsed_sec":${elapsed},"exit_status":${ending.exitStatus},"output":"`;
  const beforeError = '","error":"';
  const rest = `",${JSON.stringify(ourKeys(result)).slice(1)}\n`;
  const length = data.length + output.length + error.length;
  if (length <= smallBytes) {
    const text = beforeData + data.toBase64() + beforeOutput + output.toBase64() + beforeError +
      error.toBase64() + rest;
    onEncoded(length);
    return { byteLength: Buffer.byteLength(text), pieces: [text], free: nothingToFree };
  }
  const parts = [beforeData, data, beforeOutput, output, beforeError, error, rest];
  return {
    byteLength: parts.reduce((sum, part) => sum + encodedLength(part), 0),
    pieces: encodeParts(parts, onEncoded),
    free: () => [data, output, error].forEach(freeMemory),
  };
}

/** Most bytes of all captures that are encoded at once: small memory is not worth being freed one by one. */
const smallBytes = 16 * 1024;

function nothingToFree(): void {}

/** The length of each output of a result in bytes. */
export interface OutputLengths {
  /** Of the response file. */
  readonly data: number;
  /** Of stdout. */
  readonly output: number;
  /** Of stderr. */
  readonly error: number;
}

/** The same JSON object with the lengths of the outputs, `data_bytes` and so on, in place of the outputs. No newline. */
export function encodeSummary(result: JobResult, lengths: OutputLengths): string {
  return JSON.stringify({
    ...resultKeys(result),
    data_bytes: lengths.data,
    output_bytes: lengths.output,
    error_bytes: lengths.error,
  });
}

/** The keys of a result without its outputs. Those that are undefined do not apply. */
export function resultKeys(result: JobResult): Readonly<Record<string, unknown>> {
  return {
    worker_id: result.workerId,
    elapsed_sec: toMicroseconds(result.elapsedSec),
    exit_status: result.ending.exitStatus,
    ...ourKeys(result),
  };
}

/** The keys behind those of the contract. Those that are undefined do not apply. */
function ourKeys(result: JobResult): Readonly<Record<string, unknown>> {
  const { ending, output, error, data } = result;
  return {
    id: result.id,
    queued_sec: toMicroseconds(result.queuedSec),
    ending: ending.kind,
    command: result.names?.command,
    pool: result.names?.pool,
    node: result.node,
    warm: result.warm || undefined,
    signal: "signal" in ending ? ending.signal : undefined,
    timed_out: ending.kind === "timed_out" || undefined,
    output_truncated: output.truncated || undefined,
    error_truncated: error.truncated || undefined,
    data_truncated: data.truncated || undefined,
    message: result.message,
  };
}

type Part = string | Uint8Array<ArrayBuffer>;

function encodedLength(part: Part): number {
  if (typeof part !== "string") return 4 * Math.ceil(part.length / 3);
  return Buffer.byteLength(part);
}

/** Number of bytes that are encoded at a time: a multiple of three, so that only the last piece has padding. */
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
    freeMemory(part);
    onEncoded(length);
  }
}
