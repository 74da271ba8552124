/**
 * What `jobrunner send` is asked to do.
 *
 * @module
 */

import { basename } from "node:path";
import { type Flag, readFlags } from "../config/flags.ts";
import { passwordSource, readPasswordFrom } from "../wire/password.ts";
import { payloadPath } from "../wire/resources.ts";
import { shownUrl } from "../config/shown.ts";
import { maxIdLength } from "../wire/payload_request.ts";
import { UsageError } from "./usage.ts";

/** What `send` says of itself. */
export const sendUsage = `usage: jobrunner send [flags] FILE|-

Posts a file, or standard input (-), as a job; writes the command's stdout and stderr to its own and exits
with the command's status.

  --url URL             the server (default http://127.0.0.1:8080)
  --cacert FILE         PEM file with certificates to trust as well: the authority's, or the server's own
  --password-file FILE  file that holds the password, one line of UTF-8 (default: the file that the variable
                        JOBRUNNER_PASSWORD_FILE names, or the variable JOBRUNNER_PASSWORD, not both)
  --id TEXT             the job's id (default: the file's name)
  --timeout SECONDS     the longest that the command may run
  --output FILE         where the response file goes, also an empty one; without it, it is dropped. A link is followed,
                        what is no regular file (a FIFO, /dev/stdout) is written to; - is standard output
  --retry N             come back N times: when the server is too busy (429, 503) after the time it names, when no
                        connection can be made after a second; never when the job may have run

exit status: the command's; its own failures after sysexits(3): 64 usage, 65 the server refuses the request,
66 the input cannot be read, 69 no server answers, or the connection broke, 70 the server failed, 73 the output cannot be
written, 75 the server is too busy (429, 503), 76 the answer is not a jobrunner's, 77 the server does not allow it (401, 403)`;

/** A request to send. */
export interface SendOptions {
  /** Where to; ends in `/payload`. */
  readonly url: string;
  /** PEM file with certificates to trust, if there is one. */
  readonly caCertFile: string | undefined;
  /** File that holds the password, if it is in one. */
  readonly passwordFile: string | undefined;
  /** The password itself, if it is in its variable. */
  readonly password: string | undefined;
  /** The job's id. */
  readonly id: string;
  /** Longest run in seconds. */
  readonly timeoutSec: number | undefined;
  /** Where the response file goes. */
  readonly output: string | undefined;
  /** How often to come back. */
  readonly retries: number;
  /** Path of the payload; `-` for standard input. */
  readonly file: string;
}

/** The most retries, at which even a Retry-After of one second is weeks. */
const maxRetries = 1_000_000;

const flags: ReadonlyMap<string, Flag> = new Map([
  ["url", { wanted: "an http or https URL" }],
  ["cacert", { wanted: "a PEM file with certificates" }],
  ["password-file", { wanted: "a file that holds the password" }],
  ["id", { wanted: "the job's id" }],
  ["timeout", { wanted: "a number of seconds" }],
  ["output", { wanted: "a file for the response file" }],
  ["retry", { wanted: "a whole number" }],
]);

/**
 * Reads the command line and the variables; `undecodable` names those that are set but could not be read, because they are
 * not UTF-8. Throws a `UsageError`.
 */
export function parseSendOptions(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  undecodable: readonly string[] = [],
): SendOptions {
  const { values, positionals, rest = [], faults: [fault] } = readFlags(args, flags, {
    unknown: "must be a flag of jobrunner send",
  });
  if (fault !== undefined) throw new UsageError(fault);
  const [file, ...more] = [...positionals, ...rest];
  if (file === undefined || file === "" || more.length > 0) {
    throw new UsageError("FILE: must be one file, or - for standard input");
  }
  const id = values.get("id") ?? (file === "-" ? "stdin" : basename(file));
  if (id === "" || [...id].length > maxIdLength || id.includes("\0")) {
    throw new UsageError(`--id=${id}: must have 1 to ${maxIdLength} characters without NUL`);
  }
  const output = values.get("output");
  if (output === "") throw new UsageError("--output: must name a file, or - for standard output");
  return {
    url: payloadUrl(values.get("url") ?? "http://127.0.0.1:8080"),
    caCertFile: values.get("cacert"),
    ...passwordOptions(values.get("password-file"), env, undecodable),
    id,
    timeoutSec: numberOf(
      "timeout",
      values.get("timeout"),
      "a number of seconds greater than 0",
      (n) => n > 0 && n < Infinity,
    ),
    output,
    retries: numberOf(
      "retry",
      values.get("retry"),
      `a whole number from 0 to ${maxRetries}`,
      (n) => Number.isInteger(n) && n >= 0 && n <= maxRetries,
    ) ?? 0,
    file,
  };
}

function passwordOptions(
  flag: string | undefined,
  env: Readonly<Record<string, string>>,
  undecodable: readonly string[],
): Pick<SendOptions, "passwordFile" | "password"> {
  const names = ["JOBRUNNER_PASSWORD_FILE", "JOBRUNNER_PASSWORD"] as const;
  const unread = names.find((name) => undecodable.includes(name));
  if (flag === undefined && unread) throw new UsageError(`${unread}: must be UTF-8 text`);
  const [file, variable] = names.map((name) => env[name]);
  const source = passwordSource({ flag, file, variable });
  switch (source.kind) {
    case "none":
      return { passwordFile: undefined, password: undefined };
    case "both":
      throw new UsageError(
        "JOBRUNNER_PASSWORD_FILE: must be left out when JOBRUNNER_PASSWORD is set",
      );
    case "file":
      return { passwordFile: source.path, password: undefined };
    case "variable": {
      const reading = readPasswordFrom(source.text);
      if (reading.ok) return { passwordFile: undefined, password: reading.password };
      throw new UsageError(`JOBRUNNER_PASSWORD=***: must be a password (${reading.sentence})`);
    }
  }
}

/** What may stand at the end of the URL's path instead of the path of jobs: slashes, or that path itself. */
const endOfPath = new RegExp(`/*(${payloadPath.slice(1)})?/*$`);

function payloadUrl(text: string): string {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password) {
    throw new UsageError(
      `--url=${shownUrl(text)}: must be an http or https URL without a user`,
    );
  }
  url.pathname = url.pathname.replace(endOfPath, payloadPath);
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
