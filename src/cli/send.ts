/**
 * `jobrunner send`: posts a file as a job and behaves like the command run locally.
 *
 * @module
 */

import { beginningOf } from "../machine/file_beginning.ts";
import { passwordHeader } from "../wire/header_names.ts";
import { maxPasswordBytes, readPasswordFrom } from "../wire/password.ts";
import { oneLine } from "../config/shown.ts";
import {
  createPayloadEncoder,
  parseResult,
  type PayloadEncoder,
  type ReceivedResult,
} from "../wire/client.ts";
import { exchange, type Outgoing, type SendOutcome } from "./exchange.ts";
import { type Progress, showProgress } from "./progress.ts";
import { type Input, inputOf, readingOf } from "./input.ts";
import { failureOf, retryAfter } from "./no_result.ts";
import { openOutput, type OutputFile, writeAll } from "./output_file.ts";
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
    return await finish(await resultOf(options), output);
  } catch (error) {
    if (!(error instanceof SendFailure)) throw error;
    const advice = error.exit === exits.usage.status ? ": see jobrunner send --help" : "";
    console.error(oneLine(`jobrunner send: ${error.message}${advice}`));
    return error.exit;
  }
}

/** Sends the request until there is a result or no retry is left or allowed. Rejects with a `SendFailure`. */
async function resultOf(options: SendOptions): Promise<ReceivedResult> {
  const { url, id, timeoutSec } = options;
  const password = passwordOf(options);
  const header = password === undefined ? undefined : headerOf(password);
  const headers = new Headers({ "content-type": "application/json" });
  if (header !== undefined) headers.set(passwordHeader, header);
  const client = clientOf(options);
  const input = await inputOf(options.file);
  const payloadEncoder = () => createPayloadEncoder({ id, timeoutSec });
  const length = payloadEncoder().bodyLength(input.size);
  for (let left = options.retries;; left--) {
    const outcome = await attempt({ url, headers, length, client }, input, payloadEncoder());
    if (outcome.kind === "answer" && outcome.status === 200) {
      const result = parseResult(outcome.body ?? "");
      if (result) return result;
    }
    const seconds = left > 0 ? retryAfter(outcome) : undefined;
    if (seconds === undefined) {
      const secrets = [header, password].filter((secret) => secret !== undefined);
      throw failureOf(outcome, { url, secrets, length });
    }
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
}

async function attempt(
  request: Omit<Outgoing, "body">,
  input: Input,
  encoder: PayloadEncoder,
): Promise<SendOutcome> {
  using progress = showProgress(input.size);
  let broken: SendFailure | undefined;
  const payload = readingOf(await input.open(), input.size, (failure) => broken = failure);
  const outcome = await exchange({ ...request, body: encoded(payload, encoder, progress) });
  if (broken) throw broken;
  return outcome;
}

async function* encoded(
  payload: ReadableStream<Uint8Array>,
  encoder: PayloadEncoder,
  progress: Progress,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const utf8 = new TextEncoder();
  yield utf8.encode(encoder.head);
  for await (const bytes of payload) {
    yield utf8.encode(encoder.encode(bytes));
    progress.sent(bytes.length);
  }
  yield utf8.encode(encoder.end());
  progress.waiting();
}

/** Limit for reading a file of certificates: bundles of all public authorities are a fiftieth of this size. */
const maxCertificateBytes = 16 * 2 ** 20;

/**
 * Makes a client that also trusts the certificates of `--cacert`. Each attempt has its own connection: one that was kept may be
 * dead by then, which would look like a missing answer.
 */
function clientOf({ caCertFile }: SendOptions): Deno.HttpClient {
  const options = { poolMaxIdlePerHost: 0 };
  if (caCertFile === undefined) return Deno.createHttpClient(options);
  try {
    const pem = new TextDecoder().decode(beginningOf(caCertFile, maxCertificateBytes));
    if (!pem.includes("-----BEGIN CERTIFICATE-----")) {
      throw new Error("it holds no certificate");
    }
    return Deno.createHttpClient({ ...options, caCerts: [pem] });
  } catch (error) {
    throw new SendFailure(
      "noInput",
      `${caCertFile}: must be a PEM file with certificates: ${(error as Error).message}`,
    );
  }
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

/** The value of the password's header: its bytes as one character each (Fetch, "byte sequence"). */
function headerOf(password: string): string {
  const bytes = new TextEncoder().encode(password);
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

/** Writes the result. The command's streams come first: they must not be lost because of an output file that cannot be written. */
async function finish(
  result: ReceivedResult,
  output: OutputFile | undefined,
): Promise<number> {
  try {
    if (!output && result.data.length > 0) {
      console.error(
        `jobrunner send: the response file of ${result.data.length} bytes was dropped: name a file with --output`,
      );
    }
    await writeAll(Deno.stdout, result.output);
    await writeAll(Deno.stderr, result.error);
    for (const key of result.truncated) {
      console.error(`jobrunner send: ${key} was truncated by the server's limit`);
    }
  } catch (error) {
    throw new SendFailure(
      "noOutput",
      `stdout or stderr: cannot be written: ${(error as Error).message}`,
    );
  } finally {
    await output?.write(result.data);
  }
  return exitCodeOf(result.exitStatus);
}

/** The exit status of `send`. A process can exit with 0 to 255; a larger status, as on Windows, must not become 0. */
export function exitCodeOf(status: number): number {
  return status === 0 ? 0 : (status & 255) || 255;
}
