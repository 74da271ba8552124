/**
 * The one table of settings: it feeds parsing, `--help`, `serve --check` and the README.
 *
 * @module
 */

import { bytes, type Kind, largestRequestBytes, onOff, path, seconds, suffix } from "./kinds.ts";
import type { Setting } from "./setting.ts";

/** Every setting, in the order in which people meet them. */
export const settings = [
  {
    name: "JOBRUNNER_CMD",
    kind: { type: "text", placeholder: "COMMAND", wanted: "a program and its arguments" },
    default: "",
    meaning:
      "The command a worker runs, required. A bare name is looked up on PATH once, at start. It may carry arguments in shell quoting (no shell is run; on Windows a backslash is literal); a value that as a whole names an executable is taken whole. `jobrunner serve -- PROGRAM ARG…` sets it too.",
  },
  {
    name: "JOBRUNNER_NUM_WORKERS",
    kind: { type: "whole", min: 1, max: 1024, placeholder: "N" },
    default: "3",
    meaning: "Workers, numbered 1 to N without gaps; each runs one job at a time.",
  },
  {
    name: "JOBRUNNER_QUEUE_LIMIT",
    kind: { type: "whole", min: 0, max: 1_000_000, placeholder: "N" },
    default: "10 × workers",
    computed: ({ numWorkers }) => String(10 * numWorkers),
    meaning:
      "Jobs that may wait for a worker; one more is refused with 503 at once. 0: nobody waits, a job runs now or is refused.",
  },
  {
    name: "JOBRUNNER_QUEUE_TIMEOUT_SEC",
    kind: seconds,
    default: "0",
    zero: Infinity,
    meaning: "Seconds a job may wait for a worker; then 503. 0: no limit.",
  },
  {
    name: "JOBRUNNER_JOB_TIMEOUT_SEC",
    kind: seconds,
    default: "0",
    zero: Infinity,
    meaning:
      "Seconds a command may run; then its processes are ended and exit_status is 124. A request may ask for less with `timeout_sec`. 0: no limit.",
  },
  {
    name: "JOBRUNNER_KILL_GRACE_SEC",
    kind: seconds,
    default: "5",
    meaning:
      "Seconds between SIGTERM and SIGKILL when a job's processes are ended. 0: SIGKILL at once.",
  },
  {
    name: "JOBRUNNER_DRAIN_TIMEOUT_SEC",
    kind: seconds,
    default: "30",
    meaning:
      "Seconds that waiting and running jobs have to finish after SIGTERM or Ctrl-C; then they are ended. 0: they are ended at once.",
  },
  {
    name: "JOBRUNNER_ON_DISCONNECT",
    kind: { type: "choice", of: ["cancel", "finish"] },
    default: "cancel",
    meaning:
      "What happens to a running job whose client is gone: its processes are ended, or it is let finish. One that waits leaves the line either way.",
  },
  {
    name: "JOBRUNNER_HTTP_LISTEN_ADDRESS",
    kind: { type: "text", placeholder: "ADDRESS", wanted: "an IP address or a host name" },
    default: "127.0.0.1",
    meaning:
      "Address to listen on, IPv4, IPv6 or a host name. Beyond loopback, as which every name but localhost counts, a password is required, or JOBRUNNER_ALLOW_OPEN=on.",
  },
  {
    name: "JOBRUNNER_ALLOW_OPEN",
    kind: onOff,
    default: "off",
    meaning:
      "`on` lets the server listen beyond loopback without a password: anyone who can reach it can run jobs.",
  },
  {
    name: "JOBRUNNER_ALLOWED_HOSTS",
    kind: {
      type: "text",
      placeholder: "NAMES",
      wanted:
        "host names without ports, separated by commas, such as jobs.example.com,*.example.net",
    },
    default: "",
    meaning:
      "Names by which clients call a server without a password, beside IP addresses, localhost and the listen address; requests for others are 403, since a web page could have sent them. `*.` at the beginning stands for every name below.",
  },
  {
    name: "JOBRUNNER_HTTP_LISTEN_PORT",
    kind: { type: "whole", min: 0, max: 65535, placeholder: "PORT" },
    default: "8080",
    meaning: "Port to listen on. 0: a free one, named in the line “listening on …”.",
  },
  {
    name: "JOBRUNNER_PASSWORD",
    kind: {
      type: "text",
      placeholder: "TEXT",
      wanted: "text without control characters, and without a space or tab at either end",
    },
    default: "",
    meaning:
      "What clients must send in header X-JR-PASSWORD: one line of at most 4096 bytes; CR and LF around it are trimmed on both sides. Empty: no password is asked for. It has no flag, since everyone can read a command line.",
    secret: true,
    environmentOnly: true,
  },
  {
    name: "JOBRUNNER_PASSWORD_FILE",
    kind: path("a readable file that holds a password"),
    default: "",
    meaning:
      "File that holds the password instead of JOBRUNNER_PASSWORD, in UTF-8, not empty; read once, at start. The flag wins over JOBRUNNER_PASSWORD; both variables together are refused.",
    withheld: true,
  },
  {
    name: "JOBRUNNER_TLS_CERT_FILE",
    kind: path("a readable PEM file that holds a certificate"),
    default: "",
    meaning:
      "PEM file with the certificate chain. With JOBRUNNER_TLS_KEY_FILE it turns on HTTPS and HTTP/2.",
  },
  {
    name: "JOBRUNNER_TLS_KEY_FILE",
    kind: path("a readable PEM file that holds a private key"),
    default: "",
    meaning: "PEM file with the certificate's private key.",
    withheld: true,
  },
  {
    name: "JOBRUNNER_MAX_REQUEST_BYTES",
    kind: { type: "whole", min: 0, max: largestRequestBytes, placeholder: "BYTES" },
    default: String(100 * 2 ** 20),
    zero: largestRequestBytes,
    meaning:
      "The largest request body, in bytes; beyond it 413. Base64 makes a payload a third larger. 0: what the runtime can parse, 500 MiB.",
  },
  {
    name: "JOBRUNNER_REQUEST_TIMEOUT_SEC",
    kind: seconds,
    default: "60",
    zero: Infinity,
    meaning:
      "A period, in seconds: in each of them at least 16 KiB a second of a body must come, or all that is left of it; else 408. When memory is short, uploads older than one period are refused first. 0: no limit.",
  },
  {
    name: "JOBRUNNER_MAX_BUFFERED_BYTES",
    kind: bytes,
    default: String(2 ** 30),
    zero: Infinity,
    meaning:
      "Bytes held in memory, all requests together: bodies being read or waiting, what commands put out, answers not taken yet (these two count for half of it at most). A body for which there is no room is 503; a tenth is kept for those of up to 64 KiB. 0: no limit.",
  },
  {
    name: "JOBRUNNER_ANSWER_TIMEOUT_SEC",
    kind: seconds,
    default: "60",
    zero: Infinity,
    meaning:
      "Seconds in which a client may take nothing of an answer beyond 64 KiB; then it is broken off. 0: no limit.",
  },
  {
    name: "JOBRUNNER_MAX_OUTPUT_BYTES",
    kind: bytes,
    default: String(100 * 2 ** 20),
    zero: Infinity,
    meaning:
      "Bytes kept of each of stdout, stderr and the response file; the rest is dropped and the answer says so. 0: no limit.",
  },
  {
    name: "JOBRUNNER_SPOOL_DIR",
    kind: path("an existing folder"),
    default: "the temp folder",
    computed: ({ tempDir }) => tempDir,
    meaning:
      "Folder in which the server makes its own spool folder (mode 0700) for the files of running jobs. With the sandbox on, not below /dev, /proc or /sys.",
  },
  {
    name: "JOBRUNNER_REQUEST_SUFFIX",
    kind: suffix,
    default: "",
    meaning:
      'Appended to the name of the file that holds the payload, such as `.png`, for commands that go by it. At most 32 bytes of UTF-8, without control characters and `< > : " / \\ | ? *`, not ending in a dot or a space.',
  },
  {
    name: "JOBRUNNER_RESPONSE_SUFFIX",
    kind: suffix,
    default: "",
    meaning:
      "Appended to the name of the response file, such as `.gif`. Same rules as JOBRUNNER_REQUEST_SUFFIX.",
  },
  {
    name: "JOBRUNNER_LOG_FORMAT",
    kind: { type: "choice", of: ["text", "json"] },
    default: "text on a terminal, else json",
    computed: ({ stderrIsTerminal }) => stderrIsTerminal ? "text" : "json",
    meaning: "How log lines on stderr look.",
  },
  {
    name: "JOBRUNNER_LOG_LEVEL",
    kind: { type: "choice", of: ["debug", "info", "warning", "error"] },
    default: "info",
    meaning: "The least grave level that is logged.",
  },
  {
    name: "JOBRUNNER_ACCESS_LOG",
    kind: onOff,
    default: "off",
    meaning:
      "`on` logs a line for every request, whatever its path, besides the line for every job.",
  },
  {
    name: "JOBRUNNER_OWN_SESSION",
    kind: onOff,
    default: "on",
    meaning:
      "`on` starts each command in a session of its own, through a small launcher (Linux, x64 and ARM64); `off` starts it in the server's, as other systems do.",
  },
  {
    name: "JOBRUNNER_SANDBOX",
    kind: onOff,
    default: "on",
    meaning:
      "`off` runs the service with every permission the process has. Where there is no launcher, commands that need LD_* or DYLD_* variables need it.",
  },
] as const satisfies readonly Setting[];

/** Any of the rows, with its very texts. */
export type Row = typeof settings[number];

/** Name of a setting that exists. */
export type SettingName = Row["name"];

/** Name of a setting of this type. */
export type NameOf<Type extends Kind["type"]> = Extract<
  Row,
  { readonly kind: { readonly type: Type } }
>["name"];

/** What may be chosen in the row of this name. */
export type ChoiceOf<Name extends NameOf<"choice">> = Extract<
  Row,
  { readonly name: Name; readonly kind: { readonly type: "choice" } }
>["kind"]["of"][number];

/** Settings that no command may see. */
export const withheldSettings: readonly string[] = settings
  .filter((setting: Setting) => setting.secret || setting.withheld)
  .map(({ name }) => name);
