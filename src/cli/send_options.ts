/**
 * What `jobrunner send` is asked to do.
 *
 * @module
 */

import { basename } from "node:path";
import { parseArgs } from "node:util";
import { maxIdLength } from "../wire.ts";
import { UsageError } from "./usage.ts";

/** What `send` says of itself. */
export const sendUsage = `usage: jobrunner send [flags] FILE|-

Posts a file, or standard input (-), as a job; writes the command's stdout and stderr to its own and exits
with the command's status.

  --url URL             the server (default http://127.0.0.1:8080)
  --password-file FILE  file that holds the password (default: JOBRUNNER_PASSWORD_FILE, JOBRUNNER_PASSWORD)
  --id TEXT             the job's id (default: the file's name)
  --timeout SECONDS     the longest that the command may run
  --output FILE         where the response file goes, also an empty one; without it, it is dropped
  --retry N             come back N times when the server says 503, after the time it names

exit status: the command's; its own failures after sysexits(3): 64 usage, 65 the server refuses the request,
66 the input cannot be read, 69 no server answers, 70 the server failed, 73 the output cannot be written,
75 the server is too busy (503), 76 the answer is not a jobrunner's, 77 the password is wrong`;

/** A request to send. */
export interface SendOptions {
  /** Where to; ends in `/payload`. */
  readonly url: string;
  /** File that holds the password, if any. */
  readonly passwordFile: string | undefined;
  /** The password itself, from the environment. */
  readonly password: string | undefined;
  /** The job's id. */
  readonly id: string;
  /** Longest run in seconds. */
  readonly timeoutSec: number | undefined;
  /** Where the response file goes. */
  readonly output: string | undefined;
  /** How often to come back after a 503. */
  readonly retries: number;
  /** Path of the payload; `-` for standard input. */
  readonly file: string;
}

/** The most retries, at which even a Retry-After of one second is weeks. */
const maxRetries = 1_000_000;

/** Reads the command line. Throws a `UsageError`. */
export function parseSendOptions(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): SendOptions {
  const { values, positionals } = parsed(args);
  const [file, ...more] = positionals;
  if (file === undefined || file === "" || more.length > 0) {
    throw new UsageError("FILE: must be one file, or - for standard input");
  }
  const id = values.id ?? (file === "-" ? "stdin" : basename(file));
  if (id === "" || [...id].length > maxIdLength || id.includes("\0")) {
    throw new UsageError(`--id=${id}: must have 1 to ${maxIdLength} characters without NUL`);
  }
  return {
    url: payloadUrl(values.url ?? "http://127.0.0.1:8080"),
    passwordFile: values["password-file"] ?? (env["JOBRUNNER_PASSWORD_FILE"] || undefined),
    password: env["JOBRUNNER_PASSWORD"] || undefined,
    id,
    timeoutSec: numberOf(
      "timeout",
      values.timeout,
      "a number of seconds greater than 0",
      (n) => n > 0 && n < Infinity,
    ),
    output: values.output,
    retries: numberOf(
      "retry",
      values.retry,
      `a whole number from 0 to ${maxRetries}`,
      (n) => Number.isInteger(n) && n >= 0 && n <= maxRetries,
    ) ?? 0,
    file,
  };
}

function parsed(args: readonly string[]) {
  const text = { type: "string" } as const;
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        url: text,
        "password-file": text,
        id: text,
        timeout: text,
        output: text,
        retry: text,
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function payloadUrl(text: string): string {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password) {
    const shown = text.replace(/^.*@/, "***@");
    throw new UsageError(`--url=${shown}: must be an http or https URL without a user`);
  }
  url.pathname = url.pathname.replace(/\/*(payload)?\/*$/, "/payload");
  return url.href;
}

function numberOf(
  flag: string,
  text: string | undefined,
  wanted: string,
  isFine: (value: number) => boolean,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === "" || !isFine(value)) {
    throw new UsageError(`--${flag}=${text}: must be ${wanted}`);
  }
  return value;
}
