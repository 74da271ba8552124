/**
 * Turns the result of a job that ran into an answer. The only place that knows its status code and formats.
 *
 * @module
 */

import type { JobResult } from "../../jobs/job.ts";
import { type Encoded, encodeResult } from "../../wire/result.ts";
import { json } from "./page.ts";

/** An answer, ready to be sent. */
export interface ResultAnswer {
  /** Status code. */
  readonly status: number;
  /** Value of the Content-Type header. */
  readonly contentType: string;
  /** The result. */
  readonly body: Encoded;
}

/**
 * The answer in JSON, with status 200 however the command ended: the body holds the ending. `onEncoded` is called with the
 * length of each capture that has been encoded.
 */
export function resultAnswer(
  result: JobResult,
  onEncoded: (bytes: number) => void,
): ResultAnswer {
  return { status: 200, contentType: json, body: encodeResult(result, onEncoded) };
}
