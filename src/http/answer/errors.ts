/**
 * The one table of errors: the status of each code, when it is sent, and what a client does about it. `problem.ts` takes
 * the statuses from it, and docs/reference/http.md is generated from it.
 *
 * @module
 */

/** One row of the table. The texts are Markdown. */
export interface ErrorRow {
  /** Status code of the answer. */
  readonly status: number;
  /** When it is sent. */
  readonly when: string;
  /** What a client does about it. */
  readonly advice: string;
}

const retry = "retry after `Retry-After`";

/** The whole table, by code. */
export const errors = {
  invalid: {
    status: 400,
    when:
      "the encoding, the JSON, the base64, `id`, `data`, a key of the query or a header is wrong; the sentence says which, and where",
    advice: "fix the request",
  },
  body_unreadable: {
    status: 400,
    when: "the Content-Length is not a whole number",
    advice: "fix the request",
  },
  bad_multipart: {
    status: 400,
    when: "the body is not the form that its Content-Type says; the sentence says why",
    advice: "fix the request",
  },
  digest_mismatch: {
    status: 400,
    when: "the body does not have the digest that its Content-Digest says",
    advice: "send the request again",
  },
  client_gone: {
    status: 400,
    when: "the client disconnected, or its body was cut short, before the job ran (logged only)",
    advice: "send the request again",
  },
  unauthorized: {
    status: 401,
    when:
      "the password or the token is wrong or missing, or the token has expired; checked before the body is read",
    advice: "send `X-JR-PASSWORD`, or `Authorization: Bearer` with a token",
  },
  forbidden: {
    status: 403,
    when:
      "the token does not have the scope that the path wants, or may not be used from the client's address; checked before the body is read (only with tokens)",
    advice: "use another token, or see [Tokens](../guides/tokens.md)",
  },
  command_forbidden: {
    status: 403,
    when: "the token may not run the command; checked before the body is read (only with tokens)",
    advice: "use another token, or another command",
  },
  cross_site: {
    status: 403,
    when: "a web page of another origin sent the request; checked before the body is read",
    advice: "see [Web pages](../guides/security.md#web-pages)",
  },
  unknown_host: {
    status: 403,
    when:
      "there is neither a password nor a token, and the Host header has a name that is not the server's",
    advice: "list the name in `JOBRUNNER_ALLOWED_HOSTS`, or set a password",
  },
  not_found: {
    status: 404,
    when: "the path does not exist",
    advice: "use a path of this page",
  },
  unknown_command: {
    status: 404,
    when:
      "no command has the name in the path; checked before the body is read (only with a configuration file)",
    advice: "use a name that the sentence lists",
  },
  no_default_command: {
    status: 404,
    when:
      "the path names no command, and none is the default; checked before the body is read (only with a configuration file)",
    advice: "name a command: `POST /payload/{command}` or `POST /run/{command}`",
  },
  method_not_allowed: {
    status: 405,
    when: "the path does not take this method",
    advice: "use a method that `Allow` lists",
  },
  not_acceptable: {
    status: 406,
    when:
      "the Accept header allows none of the formats of an answer; checked before the body is read",
    advice: "accept a type that the sentence lists",
  },
  request_timeout: {
    status: 408,
    when:
      "less than 16 KiB per second of the body arrived in a period of `JOBRUNNER_REQUEST_TIMEOUT_SEC`",
    advice: "send faster, or raise the setting",
  },
  length_required: {
    status: 411,
    when: "a chunked body is larger than 8 MiB or comes in very small chunks",
    advice: "send a Content-Length",
  },
  too_large: {
    status: 413,
    when:
      "the body is larger than `JOBRUNNER_MAX_REQUEST_BYTES`, or than nine tenths of `JOBRUNNER_MAX_BUFFERED_BYTES`; on `/run`, than `JOBRUNNER_MAX_RUN_BYTES` or nine tenths of `JOBRUNNER_MAX_SPOOL_BYTES`",
    advice: "send less, or raise the setting",
  },
  too_many_parts: {
    status: 413,
    when: "a form has too many parts, or one that is too large; the sentence says which limit",
    advice: "send fewer or smaller parts",
  },
  unsupported_encoding: {
    status: 415,
    when: "the body has a Content-Encoding other than `identity`",
    advice: "send the body without an encoding",
  },
  command_failed: {
    status: 422,
    when:
      "`POST /run` for bytes: the command exited with a status other than 0, or was killed by a signal; the status is `JOBRUNNER_FAILED_STATUS`",
    advice: "see the end of stderr in the answer",
  },
  spool_unusable: {
    status: 500,
    when: "the job's files could not be written (disk full, folder not writable)",
    advice: "see the server's log",
  },
  result_truncated: {
    status: 507,
    when:
      "`POST /run` for bytes: the output is larger than `JOBRUNNER_MAX_RESULT_BYTES`, or there was no disk space for it",
    advice: "ask for `multipart/form-data` to get what was kept, or raise the limit",
  },
  result_unreadable: {
    status: 500,
    when:
      "`POST /run` for bytes: the command ran, but its response file could not be read, as the sentence says",
    advice: "ask for JSON or `multipart/form-data` to get the rest of the result",
  },
  command_not_started: {
    status: 500,
    when: "`POST /run` for bytes: the command could not be started; the sentence says why",
    advice: "fix the command, or its configuration",
  },
  internal: {
    status: 500,
    when: "a bug in jobrunner; the log has the stack trace",
    advice: "please report it",
  },
  queue_full: {
    status: 503,
    when: "`JOBRUNNER_QUEUE_LIMIT` jobs are waiting: `job queue too large (30)`",
    advice: retry,
  },
  client_limit: {
    status: 429,
    when:
      "as many jobs of the token wait in the pool as its `max_waiting` allows (only with tokens)",
    advice: retry,
  },
  uploads_full: {
    status: 503,
    when:
      "bodies of `POST /run` that are still arriving hold half of the places in the queue, or half of the workers if there is no queue (at least one)",
    advice: retry,
  },
  spool_full: {
    status: 503,
    when:
      "with this body, bodies and outputs of requests would take more than nine tenths of `JOBRUNNER_MAX_SPOOL_BYTES`",
    advice: retry,
  },
  too_many_listeners: {
    status: 503,
    when: "as many clients as there may be receive live output",
    advice: retry,
  },
  queue_timeout: {
    status: 503,
    when: "the job waited longer than `JOBRUNNER_QUEUE_TIMEOUT_SEC` and did not run",
    advice: retry,
  },
  queue_unavailable: {
    status: 503,
    when: "the queue that several machines share cannot be reached",
    advice: retry,
  },
  buffers_full: {
    status: 503,
    when:
      "with this body, requests would hold more than `JOBRUNNER_MAX_BUFFERED_BYTES`, or there is no memory",
    advice: retry,
  },
  draining: {
    status: 503,
    when: "the server is stopping",
    advice: retry,
  },
  spawn_refused: {
    status: 503,
    when: "the machine could not start a process (limit of processes, memory or open files)",
    advice: retry,
  },
  node_lost: {
    status: 502,
    when:
      "the machine that ran the job was lost, and no other may run it: the command may have run",
    advice: "find out what the job has done before you send it again",
  },
  timed_out: {
    status: 504,
    when: "`POST /run` for bytes: the command ran longer than its timeout and was killed",
    advice: "see `JOBRUNNER_JOB_TIMEOUT_SEC`",
  },
  disk_full: {
    status: 507,
    when: "the disk that holds the spool is full",
    advice: "make room on the server's disk",
  },
} as const satisfies Readonly<Record<string, ErrorRow>>;

/** The code of an error. */
export type ErrorCode = keyof typeof errors;

/** Status codes of errors. */
export type ErrorStatus = typeof errors[ErrorCode]["status"];

const titles: Readonly<Record<ErrorStatus, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  408: "Request Timeout",
  411: "Length Required",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  422: "Unprocessable Content",
  429: "Too Many Requests",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  507: "Insufficient Storage",
};

/**
 * The name of a status. One that is not in the table, which only a command that failed can have, gets that of its class (RFC
 * 9110, section 15).
 */
export function titleOf(status: number): string {
  const known: Readonly<Record<number, string>> = titles;
  return known[status] ?? titles[status < 500 ? 400 : 500];
}
