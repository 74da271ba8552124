/**
 * The answer in bytes: one output of the command as it is, with the rest of the result in headers.
 *
 * @module
 */

import { type Captured, capturedLength, type JobResult } from "../../jobs/job.ts";
import { metadataHeaders, metadataOf } from "../../wire/metadata.ts";
import type { AnswerPart } from "../../wire/run_request.ts";
import { dropCaptures, partOf, type ResultAnswer, storedBody, unbuffered } from "./answer.ts";
import { octetStream } from "./accept.ts";
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
 * The content type of the output that a choice has led to. Stdout has the command's response type if it stands in for the response
 * file and the command has one of its own; otherwise it is text, as stderr always is.
 */
export function contentTypeOf(
  chosen: OutputName,
  choice: AnswerPart,
  responseType: string,
): string {
  const standsIn = choice === "auto" && chosen === "output" && responseType !== octetStream;
  return chosen === "data" || standsIn ? responseType : plainText;
}

/**
 * The answer with status 200 and the bytes of the output `chosen`. The others are freed at once: `onReleased` is called with the bytes
 * in memory that this frees. A browser does not show the answer, since it may be anything: it saves it.
 */
export function bytesAnswer(
  result: JobResult,
  chosen: OutputName,
  contentType: string,
  onReleased: (bytes: number) => void,
): ResultAnswer {
  const others = outputs.filter((name) => name !== chosen);
  dropCaptures(others.map((name) => result[name]), onReleased);
  const body = storedBody([partOf(result[chosen])]);
  return {
    status: 200,
    headers: {
      "content-type": contentType,
      "content-length": String(body.byteLength),
      "content-disposition": "attachment",
      "x-content-type-options": "nosniff",
      ...unbuffered,
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
