/**
 * The command line of `jobrunner send`.
 *
 * @module
 */

import { type Flag, readFlags } from "../config/flags.ts";
import { passwordSource, readPasswordFrom } from "../wire/password.ts";
import { commandNameForm, isCommandName } from "../wire/commands.ts";
import { commandPath, payloadPath, runPath } from "../wire/resources.ts";
import { shownUrl } from "../config/shown.ts";
import { maxIdLength } from "../wire/job_id.ts";
import { isToken } from "../wire/tokens.ts";
import { exits, SendFailure } from "./send_failure.ts";
import { idOf, type SendInput, sendInputOf } from "./send_input.ts";

const defaultUrl = "http://127.0.0.1:8080";

/** The text of `jobrunner send --help`. */
export const sendUsage = `usage: jobrunner send [flags] FILE|-
       jobrunner send [flags] --form NAME=VALUE|NAME=@FILE ...

Posts a file, standard input (-) or a form as a job, writes the command's stdout and stderr to its
own, and exits with the command's status.

  --url URL             the server, with or without /run or /payload at the end (default
                        ${defaultUrl}); unix:PATH for the unix socket at that path
  --command NAME        the command that runs the job, where the server has several (default: the
                        server's default command)
  --cacert FILE         PEM file with additional certificates to trust: of an authority, or of
                        the server itself
  --password-file FILE  file that holds the password, one line of UTF-8 (default: the file that
                        the variable JOBRUNNER_PASSWORD_FILE names, or the variable
                        JOBRUNNER_PASSWORD; not both)
  --token-file FILE     file that holds a token, one line; it is sent in place of a password, also
                        of one in the variables. jobrunner token new makes tokens
  --id TEXT             the job's id (default: the name of the file, or of the form's first one, or
                        stdin, or form)
  --timeout SECONDS     the time limit for the command
  --form NAME=VALUE     a field of a form that is posted in place of a file; with NAME=@FILE, a file
                        of the form, NAME=@- standard input. May be given several times
  --follow              write the command's stdout and stderr as they come, and show its progress
                        and its place in the queue at a terminal. A response file of more than
                        1 MiB needs a job without --follow
  --json                post to /payload, in JSON, without trying /run first: for servers and
                        proxies that have only that. Holds the whole result in memory
  --output FILE         where to write the response file, even if it is empty; without this flag
                        it is dropped. Links are followed; anything but a regular file, such as
                        a FIFO or /dev/stdout, is written to, not replaced; - is standard output
  --retry N             retry up to N times: after a refusal that may pass, such as 429 or 503, once
                        the time in Retry-After has passed, and one second after a connection
                        could not be made; never if the job may have run

exit status: the command's, or that of a failure of send itself, after sysexits(3):
${Object.values(exits).map(({ status, meaning }) => `  ${status}  ${meaning}`).join("\n")}`;

/** The options of `send`. */
export interface SendOptions {
  /** URL that the job is posted to; its path ends in `/run` or, for a command with a name, `/run/NAME`. */
  readonly runUrl: string;
  /** URL that it is posted to in JSON; its path ends in `/payload` or `/payload/NAME`. */
  readonly payloadUrl: string;
  /** Path of the unix socket to connect to; undefined to connect to the host of the URL. */
  readonly socket: string | undefined;
  /** PEM file with additional certificates to trust; undefined without one. */
  readonly caCertFile: string | undefined;
  /** File that holds the password; undefined without one. */
  readonly passwordFile: string | undefined;
  /** The password from its variable; undefined without one. */
  readonly password: string | undefined;
  /** File that holds a token; undefined without one. With a token there is no password. */
  readonly tokenFile: string | undefined;
  /** The job's id. */
  readonly id: string;
  /** Time limit for the run in seconds; undefined for none. */
  readonly timeoutSec: number | undefined;
  /** Path that the response file is written to; undefined to drop it. */
  readonly output: string | undefined;
  /** Maximum number of retries. */
  readonly retries: number;
  /** Whether to write the command's output as it comes. */
  readonly follow: boolean;
  /** Whether to post in JSON without trying `/run` first. */
  readonly json: boolean;
  /** What to post. */
  readonly input: SendInput;
}

/** Upper limit for the number of retries: with a Retry-After of one second, that is more than eleven days. */
const maxRetries = 1_000_000;

const flags: ReadonlyMap<string, Flag> = new Map([
  ["url", { wanted: "an http or https URL, or unix:PATH" }],
  ["command", { wanted: "a command's name" }],
  ["cacert", { wanted: "a PEM file with certificates" }],
  ["password-file", { wanted: "a file that holds the password" }],
  ["token-file", { wanted: "a file that holds a token" }],
  ["id", { wanted: "the job's id" }],
  ["timeout", { wanted: "a number of seconds" }],
  ["output", { wanted: "a file for the response file" }],
  ["retry", { wanted: "a whole number" }],
  ["form", { wanted: "a field as NAME=VALUE or NAME=@FILE" }],
  ["follow", {}],
  ["json", {}],
]);

/**
 * Reads the command line and the variables. `undecodable` names variables that are set but are not UTF-8. Throws a
 * `SendFailure` of the kind `usage`.
 */
export function parseSendOptions(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  undecodable: readonly string[] = [],
): SendOptions {
  const { values, all, switches, positionals, rest = [], errors: [error] } = readFlags(
    args,
    flags,
    {
      unknown: "must be a flag of jobrunner send",
    },
  );
  if (error !== undefined) throw new SendFailure("usage", error);
  const input = sendInputOf([...positionals, ...rest], all.get("form") ?? []);
  const json = switches.has("json");
  const needsRun = input.kind === "form" ? "form" : switches.has("follow") ? "follow" : undefined;
  if (json && needsRun) {
    throw new SendFailure("usage", `--json: must be left out with --${needsRun}`);
  }
  const id = values.get("id") ?? idOf(input);
  if (id === "" || [...id].length > maxIdLength || id.includes("\0")) {
    throw new SendFailure(
      "usage",
      `--id=${id}: must have 1 to ${maxIdLength} characters without NUL`,
    );
  }
  const output = values.get("output");
  if (output === "") {
    throw new SendFailure("usage", "--output: must name a file, or - for standard output");
  }
  return {
    ...urls(values.get("url") ?? defaultUrl, values.get("command")),
    caCertFile: values.get("cacert"),
    ...secretOptions(values, env, undecodable),
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
    follow: switches.has("follow"),
    json,
    input,
  };
}

function secretOptions(
  values: ReadonlyMap<string, string>,
  env: Readonly<Record<string, string>>,
  undecodable: readonly string[],
): Pick<SendOptions, "passwordFile" | "password" | "tokenFile"> {
  const [tokenFile, passwordFile] = ["token-file", "password-file"].map((name) => values.get(name));
  if (tokenFile === undefined) {
    return { ...passwordOptions(passwordFile, env, undecodable), tokenFile };
  }
  if (passwordFile !== undefined) {
    throw new SendFailure("usage", "--token-file: must be left out with --password-file");
  }
  if (isToken(tokenFile)) {
    throw new SendFailure("usage", "--token-file: must name a file, and not be the token itself");
  }
  return { passwordFile: undefined, password: undefined, tokenFile };
}

function passwordOptions(
  flag: string | undefined,
  env: Readonly<Record<string, string>>,
  undecodable: readonly string[],
): Pick<SendOptions, "passwordFile" | "password"> {
  const names = ["JOBRUNNER_PASSWORD_FILE", "JOBRUNNER_PASSWORD"] as const;
  const unread = names.find((name) => undecodable.includes(name));
  if (flag === undefined && unread) throw new SendFailure("usage", `${unread}: must be UTF-8 text`);
  const [file, variable] = names.map((name) => env[name]);
  const source = passwordSource({ flag, file, variable });
  switch (source.kind) {
    case "none":
      return { passwordFile: undefined, password: undefined };
    case "both":
      throw new SendFailure(
        "usage",
        "JOBRUNNER_PASSWORD_FILE: must be left out when JOBRUNNER_PASSWORD is set",
      );
    case "file":
      return { passwordFile: source.path, password: undefined };
    case "variable": {
      const reading = readPasswordFrom(source.text);
      if (reading.ok) return { passwordFile: undefined, password: reading.password };
      throw new SendFailure(
        "usage",
        `JOBRUNNER_PASSWORD=***: must be a password (${reading.sentence})`,
      );
    }
  }
}

/** The end of a URL's path that is replaced by a path of jobs: slashes, or such a path itself. */
const endOfPath = new RegExp(`/*(${payloadPath.slice(1)}|${runPath.slice(1)})?/*$`);

function urls(
  text: string,
  command: string | undefined,
): Pick<SendOptions, "runUrl" | "payloadUrl" | "socket"> {
  const socket = Deno.build.os === "windows" ? undefined : /^unix:(.+)$/s.exec(text)?.[1];
  // The host only becomes the Host header.
  const url = URL.parse(socket === undefined ? text : "http://localhost");
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password) {
    throw new SendFailure(
      "usage",
      `--url=${
        shownUrl(text)
      }: must be an http or https URL without a user name or password, or unix:PATH`,
    );
  }
  if (command !== undefined && !isCommandName(command)) {
    throw new SendFailure(
      "usage",
      `--command=${command}: must be a command's name: ${commandNameForm}`,
    );
  }
  const before = url.pathname.replace(endOfPath, "");
  const at = (path: string) => {
    url.pathname = before + path;
    return url.href;
  };
  return {
    socket,
    runUrl: at(command === undefined ? runPath : commandPath(command, runPath)),
    payloadUrl: at(command === undefined ? payloadPath : commandPath(command)),
  };
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
    throw new SendFailure("usage", `--${flag}=${text}: must be ${wanted}`);
  }
  return value;
}
