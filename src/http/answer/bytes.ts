/**
 * The answer in bytes: one output of the command as it is, with the rest of the result in headers.
 *
 * @module
 */

import { type Captured, capturedLength, type JobResult } from "../../jobs/job.ts";
import { metadataHeaders, metadataOf } from "../../wire/metadata.ts";
import type { AnswerPart } from "../../wire/run_request.ts";
import { dropCaptures, partOf, type ResultAnswer, storedBody } from "./answer.ts";
import { plainText } from "./page.ts";

/** An output of the command: the response file, stdout or stderr. */
export type OutputName = Exclude<AnswerPart, "auto">;

const outputs: readonly OutputName[] = ["data", "output", "error"];

/** The output that a choice means. */
export function chosenOutput({ data }: JobResult, choice: AnswerPart): OutputName {
  if (choice !== "auto") return choice;
  return isEmpty(data) ? "output" : "data";
}

/**
 * The answer with status 200 and the bytes of the output `chosen`. The others are freed at once: `onReleased` is called with the bytes
 * in memory that this frees. A browser does not show the answer, since it may be anything: it saves it.
 */
export function bytesAnswer(
  result: JobResult,
  chosen: OutputName,
  responseType: string,
  onReleased: (bytes: number) => void,
): ResultAnswer {
  const others = outputs.filter((name) => name !== chosen);
  dropCaptures(others.map((name) => result[name]), onReleased);
  const body = storedBody([partOf(result[chosen])]);
  return {
    status: 200,
    headers: {
      "content-type": chosen === "data" ? responseType : plainText,
      "content-length": String(body.byteLength),
      "content-disposition": "attachment",
      "x-content-type-options": "nosniff",
      [metadataHeaders.answer]: chosen,
      ...metadataOf(result),
    },
    body,
  };
}

/** A file of which nothing could be kept was not empty. */
function isEmpty(data: Captured): boolean {
  return capturedLength(data) === 0 && !data.truncated;
}
