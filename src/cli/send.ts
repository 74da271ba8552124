/**
 * `jobrunner send`: posts a file as a job and behaves like the command run locally.
 *
 * @module
 */

import { oneLine } from "../config/shown.ts";
import { type ArrivingResult, deliver, note } from "./deliver.ts";
import { exchange, type NoAnswer } from "./exchange.ts";
import type { Followed } from "./follow.ts";
import { type JobRequest, requestsOf, urlOf } from "./job_request.ts";
import { clientOf, type Credentials, credentialsOf } from "./job_client.ts";
import { failureOf, hasNoRun, noForms, retryAfter } from "./no_result.ts";
import { openOutput } from "./output_file.ts";
import { type Progress, showProgress } from "./progress.ts";
import { resultIn } from "./result_in.ts";
import { exits, SendFailure } from "./send_failure.ts";
import { parseSendOptions, type SendOptions, sendUsage } from "./send_options.ts";

/** Runs `send` and resolves with the exit code. `undecodable` names variables that are set but are not UTF-8. */
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
    const result = await resultOf(options);
    await deliver(result, output);
    return exitCodeOf(result.exitStatus);
  } catch (error) {
    if (!(error instanceof SendFailure)) throw error;
    const advice = error.exit === exits.usage.status ? ": see jobrunner send --help" : "";
    console.error(oneLine(`jobrunner send: ${error.message}${advice}`));
    return error.exit;
  }
}

/** Sends the request until there is a result or no retry is left or allowed. Rejects with a `SendFailure`. */
async function resultOf(options: SendOptions): Promise<ArrivingResult> {
  const credentials = credentialsOf(options);
  const sending: Sending = {
    credentials,
    client: clientOf(options),
    shown: ({ url }) => options.socket === undefined ? url : `unix:${options.socket}`,
    wantsData: options.output !== undefined,
  };
  using requests = await requestsOf(options);
  let { first: request, fallback } = requests;
  for (let left = options.retries;;) {
    const outcome = await attempt(request, sending);
    if (outcome.kind === "result") return outcome.result;
    if (hasNoRun(outcome)) {
      if (options.input.kind === "form") throw noForms(sending.shown(request));
      if (fallback) {
        if (options.follow) {
          note("the server is too old to be followed: the output comes at the end");
        }
        request = fallback;
        fallback = undefined;
        continue;
      }
    }
    const seconds = left-- > 0 ? retryAfter(outcome) : undefined;
    if (seconds === undefined) {
      const secrets = credentials?.secrets ?? [];
      throw failureOf(outcome, {
        url: sending.shown(request),
        secrets,
        length: request.content.length,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
}

/** What all attempts have in common. */
interface Sending {
  /** Undefined without a password or token. */
  readonly credentials: Credentials | undefined;
  readonly client: Deno.HttpClient;
  /** Where a request goes, for sentences. */
  readonly shown: (request: JobRequest) => string;
  /** Whether the response file goes anywhere. */
  readonly wantsData: boolean;
}

async function attempt(
  request: JobRequest,
  { credentials, client, shown, wantsData }: Sending,
): Promise<Followed | NoAnswer> {
  const { accept, content } = request;
  const headers = new Headers({ accept, "content-type": content.contentType });
  if (content.contentDisposition !== undefined) {
    headers.set("content-disposition", content.contentDisposition);
  }
  if (credentials) headers.set(credentials.name, credentials.value);
  await content.check();
  using progress = showProgress(content.length);
  let broken: SendFailure | undefined;
  const body = counted(content.pieces((failure) => broken = failure), progress);
  const outcome = await exchange({
    url: urlOf(request),
    headers,
    length: content.length,
    body,
    client,
  });
  if (broken) throw broken;
  if (outcome.kind !== "answered") return outcome;
  return await resultIn(outcome.response, { url: shown(request), wantsData, progress });
}

async function* counted(
  pieces: AsyncIterable<Uint8Array<ArrayBuffer>>,
  progress: Progress,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for await (const piece of pieces) {
    yield piece;
    progress.sent(piece.length);
  }
  progress.waiting();
}

/** The exit status of `send`. A process can exit with 0 to 255; a larger status, as on Windows, must not become 0. */
export function exitCodeOf(status: number): number {
  return status === 0 ? 0 : (status & 255) || 255;
}
