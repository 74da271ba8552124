/**
 * From the result of a job that ran to an answer. The only place that knows its status code and its formats.
 *
 * @module
 */

import type { JobResult } from "../../jobs/job.ts";
import { type Encoded, encodeResult } from "../../wire/result.ts";

/** An answer, ready to be delivered. */
export interface ResultAnswer {
  /** Status code. */
  readonly status: number;
  /** Value of the header of that name. */
  readonly contentType: string;
  /** The result. */
  readonly body: Encoded;
}

/**
 * JSON, and 200 however the command ended: the ending is in it. `onEncoded` is called with the length of each capture that
 * has been encoded.
 */
export function resultAnswer(
  result: JobResult,
  onEncoded: (bytes: number) => void,
): ResultAnswer {
  return { status: 200, contentType: "application/json", body: encodeResult(result, onEncoded) };
}
