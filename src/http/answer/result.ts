/**
 * Turns the result of a job that ran into an answer. The only place that chooses its status code and format.
 *
 * @module
 */

import type { JobResult } from "../../jobs/job.ts";
import type { LiveFormat } from "../../wire/events.ts";
import type { AnswerPart } from "../../wire/run_request.ts";
import type { Format } from "./accept.ts";
import { dropCaptures, type ResultAnswer } from "./answer.ts";
import { bytesAnswer, chosenOutput, contentTypeOf } from "./bytes.ts";
import { type FailedRun, failureOf, type FailureSettings, faultIn } from "./failed_run.ts";
import { formAnswer } from "./form.ts";
import { jsonAnswer } from "./json.ts";

/** What a client wants, and what its command says about answers. */
export interface AnswerSettings extends FailureSettings {
  /** The format of the answer. */
  readonly format: Exclude<Format, LiveFormat>;
  /** The output that an answer in bytes has. */
  readonly answer: AnswerPart;
  /** Content type of the response file. */
  readonly responseType: string;
  /** Called with the number of bytes in memory that the answer no longer needs, while it is made and sent. */
  readonly onReleased: (bytes: number) => void;
}

/**
 * The answer to a job that ran; a promise of it only if it takes a look at a file. For JSON its outputs must be in memory. In
 * bytes, a run that did not succeed is a problem, and so is an output that is not whole: a client might not notice that. Then all
 * files of the result are closed. Does not reject.
 */
export function resultAnswer(
  result: JobResult,
  settings: AnswerSettings,
): ResultAnswer | Promise<ResultAnswer | FailedRun> {
  switch (settings.format) {
    case "json":
      return jsonAnswer(result, settings.onReleased);
    case "form":
      return formAnswer(result, settings.responseType);
    case "bytes":
      return answerInBytes(result, settings);
  }
}

async function answerInBytes(
  result: JobResult,
  settings: AnswerSettings,
): Promise<ResultAnswer | FailedRun> {
  const { answer, responseType, onReleased } = settings;
  const chosen = chosenOutput(result, answer);
  const failure = await failureOf(result, settings) ?? faultIn(result, chosen);
  if (!failure) {
    const contentType = contentTypeOf(chosen, answer, responseType);
    return bytesAnswer(result, chosen, contentType, onReleased);
  }
  dropCaptures([result.data, result.output, result.error], onReleased);
  return failure;
}
