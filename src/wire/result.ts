/**
 * A job's result as JSON: with its outputs in base64, or with their lengths only.
 *
 * @module
 */

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
 * contract; ours follow, those after `ending` only if they apply, first the names of command and pool. The text comes in
 * pieces, because the length of a string is limited. The memory of each large capture is freed once it is encoded. `onEncoded`
 * is called with the length of each capture that is done.
 */
export function encodeResult(
  result: JobResult,
  onEncoded: (bytes: number) => void = () => {},
): Encoded {
  const { ending, output, error, data } = result;
  const more = JSON.stringify(ourKeys(result));
  const elapsed = toMicroseconds(result.elapsedSec);
  const parts = [
    '{"data":"',
    data.bytes,
    `","worker_id":${result.workerId},"elapsed_sec":${elapsed},"exit_status":${ending.exitStatus},"output":"`,
    output.bytes,
    '","error":"',
    error.bytes,
    `",${more.slice(1)}\n`,
  ];
  return {
    byteLength: parts.reduce((sum, part) => sum + encodedLength(part), 0),
    pieces: encodeParts(parts, onEncoded),
    free: () => [data, output, error].forEach(({ bytes }) => freeMemory(bytes)),
  };
}

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
    warm: result.warm || undefined,
    signal: "signal" in ending ? ending.signal : undefined,
    timed_out: ending.kind === "timed_out" || undefined,
    output_truncated: output.truncated || undefined,
    error_truncated: error.truncated || undefined,
    data_truncated: data.truncated || undefined,
    message: result.message,
  };
}

const encoder = new TextEncoder();

type Part = string | Uint8Array<ArrayBuffer>;

function encodedLength(part: Part): number {
  if (typeof part !== "string") return 4 * Math.ceil(part.length / 3);
  return encoder.encode(part).length;
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
