/**
 * `jobrunner send`: a file becomes a job, the job's result what a command on this machine would have done.
 *
 * @module
 */

import { beginningOf } from "../file_beginning.ts";
import { maxPasswordBytes, readPasswordFrom } from "../password.ts";
import { oneLine, withoutUrlSecrets } from "../shown.ts";
import {
  createPayloadEncoder,
  parseResult,
  type PayloadEncoder,
  type ReceivedResult,
} from "../wire/client.ts";
import { type Progress, showProgress } from "./progress.ts";
import { type Input, inputOf, readingOf } from "./input.ts";
import { openOutput, type OutputFile } from "./output_file.ts";
import { exits, SendFailure } from "./send_failure.ts";
import { parseSendOptions, type SendOptions, sendUsage } from "./send_options.ts";
import { sizedBody } from "./sized_body.ts";
import { UsageError } from "./usage.ts";

/** Resolves with the exit code. `undecodable` names variables that are set but could not be read, because they are not UTF-8. */
export async function send(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  undecodable: readonly string[] = [],
): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(sendUsage);
    return 0;
  }
  try {
    const options = parseSendOptions(args, env, undecodable);
    using output = options.output === undefined ? undefined : openOutput(options.output);
    return await finish(await resultOf(options), output);
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(oneLine(`jobrunner send: ${error.message}: see jobrunner send --help`));
      return exits.usage;
    }
    if (!(error instanceof SendFailure)) throw error;
    console.error(oneLine(`jobrunner send: ${error.message}`));
    return error.exit;
  }
}

/** Tries as often as it may. */
async function resultOf(options: SendOptions): Promise<ReceivedResult> {
  const password = passwordOf(options);
  const input = await inputOf(options.file);
  const headers = new Headers({ "content-type": "application/json" });
  if (password !== undefined) headers.set("x-jr-password", headerOf(password));
  const url = withoutUrlSecrets(options.url);
  for (let left = options.retries;; left--) {
    const { status, body, retryAfter } = await attempt(options, input, headers);
    if (status === 200) {
      const result = parseResult(body);
      if (result) return result;
      throw new SendFailure(
        "noJobrunner",
        `${url}: must be a jobrunner: its answer is none`,
      );
    }
    if (status >= 300 && status < 400) {
      // Not followed: the password is for this server alone.
      throw new SendFailure(
        "noJobrunner",
        `${url}: must be the server itself: it redirects`,
      );
    }
    if (status === 503 && left > 0) {
      await new Promise((resolve) => setTimeout(resolve, retryAfter * 1000));
      continue;
    }
    throw refusal(status, wordsOf(body, headers));
  }
}

/** Without a Retry-After that can be read. */
const defaultRetrySec = 1;

/** The longest that a server's Retry-After is believed. */
const maxRetrySec = 3600;

async function attempt(
  { url, id, timeoutSec }: SendOptions,
  input: Input,
  headers: Headers,
): Promise<{ readonly status: number; readonly body: string; readonly retryAfter: number }> {
  using progress = showProgress(input.size);
  let broken: SendFailure | undefined;
  const payload = readingOf(await input.open(), input.size, (failure) => broken = failure);
  const encoder = createPayloadEncoder({ id, timeoutSec });
  const body = sizedBody(encoded(payload, encoder, progress), encoder.bodyLength(input.size));
  try {
    return await answerOf(await fetch(url, { method: "POST", headers, body, redirect: "manual" }));
  } catch (error) {
    throw broken ?? await explain(error as Error, url, headers);
  }
}

async function answerOf(response: Response) {
  const seconds = Number(response.headers.get("retry-after") ?? defaultRetrySec);
  return {
    status: response.status,
    body: await response.text(),
    retryAfter: Number.isInteger(seconds) && seconds > 0
      ? Math.min(seconds, maxRetrySec)
      : defaultRetrySec,
  };
}

/**
 * A server that refuses a body before its end may close the connection before its answer is read; so it is asked once
 * more, without a job.
 */
async function explain(error: Error, url: string, headers: Headers): Promise<SendFailure> {
  const { cause } = error;
  const why = cause instanceof Error ? cause.message : error.message;
  try {
    const { status, body } = await answerOf(
      await fetch(url, { method: "POST", headers, body: "", redirect: "manual" }),
    );
    if (status === 401 || status === 403 || status === 503) {
      return refusal(status, wordsOf(body, headers));
    }
    if (status === 400) {
      return new SendFailure(
        "refused",
        withoutUrlSecrets(
          `${url}: ended the connection while the payload was sent: is it larger than the server's limit? (${why})`,
        ),
      );
    }
  } catch {
    // There is no server.
  }
  return new SendFailure("noServer", withoutUrlSecrets(`${url}: no answer: ${why}`));
}

function encoded(
  payload: ReadableStream<Uint8Array>,
  encoder: PayloadEncoder,
  progress: Progress,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return payload.pipeThrough(
    new TransformStream<Uint8Array, string>({
      start: (controller) => controller.enqueue(encoder.head),
      transform(bytes, controller) {
        controller.enqueue(encoder.encode(bytes));
        progress.sent(bytes.length);
      },
      flush(controller) {
        controller.enqueue(encoder.end());
        progress.waiting();
      },
    }),
  ).pipeThrough(new TextEncoderStream());
}

function passwordOf({ passwordFile, password }: SendOptions): string | undefined {
  if (passwordFile === undefined) return password;
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = beginningOf(passwordFile, maxPasswordBytes + 1);
  } catch (error) {
    throw new SendFailure(
      "noInput",
      `${passwordFile}: cannot be read: ${(error as Error).message}`,
    );
  }
  const reading = readPasswordFrom(bytes);
  if (reading.ok) return reading.password;
  throw new SendFailure(
    "noInput",
    `${passwordFile}: must be a file that holds a password (${reading.sentence})`,
  );
}

/** A header's value is bytes, here as one character per byte (Fetch, "byte sequence"). */
function headerOf(password: string): string {
  const bytes = new TextEncoder().encode(password);
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

/** The most of a server's words that is shown. */
const maxWords = 500;

/** What a server says. One that is not a jobrunner may repeat what it was sent, in either reading of a header's bytes. */
function wordsOf(body: string, headers: Headers): string {
  const sent = headers.get("x-jr-password");
  if (sent === null) return body.trim().slice(0, maxWords);
  const bytes = Uint8Array.from(sent, (character) => character.charCodeAt(0));
  return body.replaceAll(sent, "***").replaceAll(new TextDecoder().decode(bytes), "***").trim()
    .slice(0, maxWords);
}

function refusal(status: number, detail: string): SendFailure {
  const kind = status === 401 || status === 403
    ? "notAllowed"
    : status === 503
    ? "busy"
    : status === 400 || status === 408 || status === 413
    ? "refused"
    : status >= 500
    ? "serverFailed"
    : "noJobrunner";
  return new SendFailure(kind, `${status}: ${detail}`);
}

/** The command's streams first: they must not be lost to a file that cannot be written. */
async function finish(result: ReceivedResult, output: OutputFile | undefined): Promise<number> {
  try {
    if (!output && result.data.length > 0) {
      console.error(
        `jobrunner send: the response file of ${result.data.length} bytes was dropped: name a file with --output`,
      );
    }
    await writeAll(Deno.stdout, result.output);
    await writeAll(Deno.stderr, result.error);
    for (const key of result.truncated) {
      console.error(`jobrunner send: ${key} was cut by the server's limit`);
    }
  } catch (error) {
    throw new SendFailure(
      "noOutput",
      `stdout or stderr: cannot be written: ${(error as Error).message}`,
    );
  } finally {
    output?.keep(result.data);
  }
  return exitCodeOf(result.exitStatus);
}

/** What a process can exit with is 0 to 255; a status beyond that, as Windows has them, must not become 0. */
export function exitCodeOf(status: number): number {
  return status === 0 ? 0 : (status & 255) || 255;
}

async function writeAll(
  sink: { write(bytes: Uint8Array): Promise<number> },
  bytes: Uint8Array,
): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await sink.write(bytes.subarray(at));
}
