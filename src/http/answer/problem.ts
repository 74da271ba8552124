/**
 * Turns a problem into an error answer. The status codes of errors are in the table of `errors.ts`.
 *
 * @module
 */

import { passwordHeader } from "../../wire/header_names.ts";
import { isCommandName } from "../../wire/commands.ts";
import {
  commandPath,
  type JobPath,
  payloadPath,
  runPath,
  type Scope,
} from "../../wire/resources.ts";
import { errors, titleOf } from "./errors.ts";
import { type FailedRun, isFailedRun, membersOf, sentenceOf } from "./failed_run.ts";
import { plainText } from "./page.ts";

/** Everything for which the answer is an error: refusals of requests, failures of runs, bugs. */
export type Problem =
  | { readonly kind: "not_found" }
  | {
    readonly kind: "unknown_command";
    /** The name in the request's path. */
    readonly name: string;
    /** The names that there are. */
    readonly names: readonly string[];
  }
  | {
    readonly kind: "no_default_command";
    /** The path for jobs of the default command. */
    readonly path: JobPath;
    /** The names that there are. */
    readonly names: readonly string[];
  }
  | { readonly kind: "method_not_allowed"; readonly methods: string }
  | {
    readonly kind: "unauthorized";
    /**
     * What the request lacks: a right `password`, any `token`, a `known_token`, or a `valid_token`, which has not expired. Absent
     * where tokens are not in use: then it can only be the password.
     */
    readonly lacks?: "password" | "token" | "known_token" | "valid_token";
  }
  | {
    readonly kind: "forbidden";
    /** Name of the token. */
    readonly token: string;
    /** The address that it may not be used from; undefined if it is not known. */
    readonly from: string | undefined;
  }
  | {
    readonly kind: "forbidden";
    /** Name of the token. */
    readonly token: string;
    /** The scope that it does not have. */
    readonly scope: Scope;
  }
  | {
    readonly kind: "command_forbidden";
    /** Name of the token. */
    readonly token: string;
    /** The command that it may not run. */
    readonly command: string;
  }
  | { readonly kind: "cross_site" }
  | { readonly kind: "unknown_host"; readonly host: string | undefined }
  | { readonly kind: "too_large"; readonly maxBytes: number }
  | { readonly kind: "length_required"; readonly maxBytes: number }
  | { readonly kind: "unsupported_encoding" }
  | {
    readonly kind: "request_timeout";
    readonly seconds: number;
    readonly leastBytesPerSec: number;
  }
  | { readonly kind: "body_unreadable" }
  | { readonly kind: "client_gone"; readonly queuedSec?: number }
  | { readonly kind: "invalid"; readonly sentence: string }
  | { readonly kind: "queue_full"; readonly waiting: number; readonly retryAfterSec: number }
  | { readonly kind: "client_limit"; readonly retryAfterSec: number }
  | { readonly kind: "queue_timeout"; readonly queuedSec: number; readonly retryAfterSec: number }
  | {
    readonly kind: "queue_unavailable";
    readonly queuedSec?: number;
    readonly retryAfterSec: number;
  }
  | { readonly kind: "draining"; readonly queuedSec?: number; readonly retryAfterSec: number }
  | { readonly kind: "buffers_full"; readonly retryAfterSec: number }
  | { readonly kind: "uploads_full"; readonly retryAfterSec: number }
  | {
    readonly kind: "spool_unusable";
    /** Why, for the log; absent if another line of the log has it. */
    readonly reason?: string;
  }
  | { readonly kind: "spawn_refused"; readonly retryAfterSec: number }
  | { readonly kind: "node_lost" }
  | { readonly kind: "internal" }
  | { readonly kind: "not_acceptable"; readonly types: readonly string[] }
  | { readonly kind: "bad_multipart"; readonly sentence: string }
  | { readonly kind: "digest_mismatch" }
  | { readonly kind: "too_many_parts"; readonly sentence: string }
  | { readonly kind: "spool_full"; readonly retryAfterSec: number }
  | { readonly kind: "disk_full" }
  | { readonly kind: "too_many_listeners"; readonly retryAfterSec: number }
  | FailedRun;

interface Details {
  readonly detail: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The sentence and the headers of a problem. The sentences for 401 and a full queue are those of the Go jobrunner: a contract. */
function detailsOf(problem: Problem): Details {
  if (isFailedRun(problem)) return detailsOfRun(problem);
  switch (problem.kind) {
    case "not_found":
      return {
        detail: `There is nothing at this path; jobs go to POST ${payloadPath} or POST ${runPath}`,
      };
    case "unknown_command": {
      const which = isCommandName(problem.name) ? `command ${problem.name}` : "such command";
      return {
        detail: `There is no ${which}: there ${areNames(problem.names)}`,
        headers: closing,
      };
    }
    case "no_default_command":
      return {
        detail: `There is no default command: jobs go to POST ${
          problem.names.map((name) => commandPath(name, problem.path)).join(", ")
        }`,
        headers: closing,
      };
    case "method_not_allowed":
      return {
        detail: `This path accepts ${problem.methods} only`,
        headers: allow(problem.methods),
      };
    case "unauthorized":
      return {
        detail: lackedBy(problem.lacks),
        headers: { "www-authenticate": challengesFor(problem.lacks), ...closing },
      };
    case "forbidden":
      return "scope" in problem
        ? {
          detail: `The token ${problem.token} does not have the scope ${problem.scope}`,
          headers: {
            "www-authenticate": `${bearer}, error="insufficient_scope", scope="${problem.scope}"`,
            ...closing,
          },
        }
        : {
          detail: `The token ${problem.token} may not be used from ${
            problem.from ?? "an unknown address"
          }`,
          headers: closing,
        };
    case "command_forbidden":
      return {
        detail: `The token ${problem.token} may not run ${
          isCommandName(problem.command) ? `the command ${problem.command}` : "this command"
        }`,
        headers: closing,
      };
    case "cross_site":
      return {
        detail: "Web pages of another origin may not send this request",
        headers: closing,
      };
    case "unknown_host":
      return {
        detail:
          "The name in the Host header is not one of the server's: list it in JOBRUNNER_ALLOWED_HOSTS, or set a password",
        headers: closing,
      };
    case "too_large":
      return {
        detail: `The body is larger than ${problem.maxBytes} bytes`,
        headers: closing,
      };
    case "length_required":
      return {
        detail:
          `A body without Content-Length may have at most ${problem.maxBytes} bytes, and not in very small chunks: send a Content-Length`,
        headers: closing,
      };
    case "unsupported_encoding":
      return {
        detail: "Content-Encoding is not supported: send the body unencoded",
        // RFC 9110, section 15.5.16.
        headers: { "accept-encoding": "identity", ...closing },
      };
    case "request_timeout":
      return {
        detail:
          `The body arrived at less than ${problem.leastBytesPerSec} bytes per second for ${problem.seconds} seconds`,
        headers: closing,
      };
    case "body_unreadable":
      return { detail: "The Content-Length is not a whole number", headers: closing };
    case "client_gone":
      return {
        detail: "The client disconnected, or sent an incomplete body, before its job ran",
        headers: closing,
      };
    case "invalid":
      return { detail: problem.sentence };
    case "queue_full":
      return {
        detail: `job queue too large (${problem.waiting})`,
        headers: retryAfter(problem.retryAfterSec),
      };
    case "client_limit":
      return {
        detail: "As many jobs of this token wait as its max_waiting allows",
        headers: retryAfter(problem.retryAfterSec),
      };
    case "queue_timeout":
      return {
        detail:
          "The job waited longer than JOBRUNNER_QUEUE_TIMEOUT_SEC for a worker and did not run",
        headers: retryAfter(problem.retryAfterSec),
      };
    case "queue_unavailable":
      return {
        detail: "The queue that the machines share cannot be reached",
        headers: retryAfter(problem.retryAfterSec),
      };
    case "draining":
      return {
        detail: "The server is stopping and accepts no new jobs",
        headers: { ...retryAfter(problem.retryAfterSec), ...closing },
      };
    case "buffers_full":
      return {
        detail: "Other requests hold too many bytes in memory",
        headers: { ...retryAfter(problem.retryAfterSec), ...closing },
      };
    case "uploads_full":
      return {
        detail: "Too many other bodies are arriving",
        headers: { ...retryAfter(problem.retryAfterSec), ...closing },
      };
    case "spool_unusable":
      return {
        detail: "The server could not write the job's files; see the server's log",
      };
    case "spawn_refused":
      return {
        detail: "The server could not start a process; see the server's log",
        headers: retryAfter(problem.retryAfterSec),
      };
    case "node_lost":
      return { detail: "The machine that ran the job was lost; the job may have run" };
    case "internal":
      return { detail: "Internal error; see the server's log" };
    case "not_acceptable":
      return {
        detail: `The Accept header allows none of the formats of an answer: ${
          problem.types.join(", ")
        }`,
        headers: closing,
      };
    case "bad_multipart":
    case "too_many_parts":
      return { detail: problem.sentence, headers: closing };
    case "digest_mismatch":
      return { detail: "The body does not have the digest that Content-Digest says" };
    case "spool_full":
      return {
        detail:
          "Bodies and outputs of other requests fill the disk space of JOBRUNNER_MAX_SPOOL_BYTES",
        headers: { ...retryAfter(problem.retryAfterSec), ...closing },
      };
    case "disk_full":
      return { detail: "The server's disk is full", headers: closing };
    case "too_many_listeners":
      return {
        detail: "Too many other clients receive live output",
        headers: { ...retryAfter(problem.retryAfterSec), ...closing },
      };
  }
}

/** The challenges of the two ways to say who sends a request (RFC 6750, section 3; RFC 9110, section 11.6.1). */
const bearer = 'Bearer realm="jobrunner"';
const password = `${passwordHeader} realm="jobrunner"`;

/** What a request lacks, as `Problem` describes it. */
type Lack = Extract<Problem, { readonly kind: "unauthorized" }>["lacks"];

function lackedBy(lacks: Lack): string {
  switch (lacks) {
    case undefined:
    case "password":
      return `Invalid password supplied in ${passwordHeader} header`;
    case "token":
      return "The request has neither a token nor a password: send Authorization: Bearer";
    case "known_token":
      return "The token in the Authorization header is unknown";
    case "valid_token":
      return "The token in the Authorization header has expired";
  }
}

function challengesFor(lacks: Lack): string {
  switch (lacks) {
    case undefined:
      return password;
    case "password":
    case "token":
      return `${bearer}, ${password}`;
    case "known_token":
    case "valid_token":
      return `${bearer}, error="invalid_token", ${password}`;
  }
}

function detailsOfRun(failed: FailedRun): Details {
  return {
    detail: sentenceOf(failed),
    headers: {
      ...failed.metadata,
      ...(failed.kind === "draining" ? { ...retryAfter(failed.retryAfterSec), ...closing } : {}),
    },
  };
}

function areNames(names: readonly string[]): string {
  return `${names.length === 1 ? "is" : "are"} ${names.join(", ")}`;
}

/** For answers to requests whose body may still arrive: the connection cannot be reused. */
const closing = { "connection": "close" };

/** The methods of a path, for the answer to OPTIONS and for a 405, which must list them (RFC 9110, section 15.5.6). */
export function allow(methods: string): Readonly<Record<string, string>> {
  return { "allow": methods === "" ? "OPTIONS" : `${methods}, OPTIONS` };
}

/** RFC 9110, section 10.2.3: whole seconds. */
function retryAfter(seconds: number): Record<string, string> {
  return { "retry-after": String(seconds) };
}

/** An error answer, ready to be sent. */
export interface ProblemAnswer {
  /** Status code. */
  readonly status: number;
  /** Headers, content type included. */
  readonly headers: Readonly<Record<string, string>>;
  /** One line; of a command that failed also the end of its stderr. */
  readonly body: string;
  /**
   * The sentence in the body. It quotes nothing that the client sent, except what has the form of a command's name, and the
   * client's address.
   */
  readonly detail: string;
}

/**
 * The answer to a problem: one line of plain text, or problem details (RFC 9457) for a client that asks for JSON.
 * Problem details carry `code`, the problem's kind, and `request_id`. For a command that failed the end of its stderr follows
 * the line, after an empty one; problem details have it in a member.
 */
export function problemAnswer(problem: Problem, requestId: string, asJson: boolean): ProblemAnswer {
  const status = "status" in problem ? problem.status : errors[problem.kind].status;
  const { detail, headers } = detailsOf(problem);
  if (!asJson) {
    return {
      status,
      headers: {
        ...headers,
        "content-type": plainText,
        "x-content-type-options": "nosniff",
      },
      body: `${detail}\n${"stderrTail" in problem ? paragraph(problem.stderrTail) : ""}`,
      detail,
    };
  }
  const body = {
    type: "about:blank",
    title: titleOf(status),
    status,
    detail,
    code: problem.kind,
    request_id: requestId,
    ...(isFailedRun(problem) ? membersOf(problem) : {}),
  };
  return {
    status,
    headers: { ...headers, "content-type": "application/problem+json" },
    body: JSON.stringify(body) + "\n",
    detail,
  };
}

/** A text after an empty line, with a newline at its end. */
function paragraph(text: string): string {
  if (text === "") return "";
  return `\n${text}${text.endsWith("\n") ? "" : "\n"}`;
}
