/**
 * The answer as a form (`multipart/form-data`, RFC 7578): the result in JSON, then the outputs as they are.
 *
 * @module
 */

import { capturedLength, type JobResult } from "../../jobs/job.ts";
import { encodeSummary } from "../../wire/result.ts";
import { partOf, type ResultAnswer, storedBody, unbuffered } from "./answer.ts";
import { json, plainText } from "./page.ts";

const encoder = new TextEncoder();

/**
 * The answer as a form, with status 200 however the command ended: the part `result` holds the ending. The parts `data`,
 * `output` and `error` follow in this order, as files.
 */
export function formAnswer(result: JobResult, responseType: string): ResultAnswer {
  const { data, output, error } = result;
  // 128 random bits: no output contains it, unless someone has seen it before.
  const boundary = crypto.getRandomValues(new Uint8Array(16)).toHex();
  const summary = encodeSummary(result, {
    data: capturedLength(data),
    output: capturedLength(output),
    error: capturedLength(error),
  });
  const begin = (name: string, contentType: string, more = "") =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${more}\r\nContent-Type: ${contentType}\r\n\r\n`;
  const beginFile = (name: string, contentType: string) =>
    encoder.encode(`\r\n${begin(name, contentType, `; filename="${name}"`)}`);
  const body = storedBody([
    encoder.encode(begin("result", json) + summary),
    beginFile("data", responseType),
    partOf(data),
    beginFile("output", plainText),
    partOf(output),
    beginFile("error", plainText),
    partOf(error),
    encoder.encode(`\r\n--${boundary}--\r\n`),
  ]);
  return {
    status: 200,
    headers: {
      "content-type": `multipart/form-data; boundary=${boundary}`,
      "content-length": String(body.byteLength),
      ...unbuffered,
    },
    body,
  };
}
