/**
 * The answer in JSON: one object with the ending and the outputs in base64.
 *
 * @module
 */

import type { JobResult } from "../../jobs/job.ts";
import { encodeResult } from "../../wire/result.ts";
import type { TextAnswer } from "./answer.ts";
import { json } from "./page.ts";

/**
 * The answer in JSON, with status 200 however the command ended: the body holds the ending. The outputs must be in memory.
 * `onEncoded` is called with the length of each capture that has been encoded.
 */
export function jsonAnswer(result: JobResult, onEncoded: (bytes: number) => void): TextAnswer {
  const body = encodeResult(result, onEncoded);
  return {
    status: 200,
    headers: { "content-type": json, "content-length": String(body.byteLength) },
    body,
  };
}
