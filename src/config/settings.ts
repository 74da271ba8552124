/**
 * The table of settings, used by parsing, `--help`, `serve --check` and docs/reference/settings.md.
 *
 * @module
 */

import { bytes, type Kind, largestRequestBytes, onOff, path, seconds, suffix } from "./kinds.ts";
import type { Setting } from "./setting.ts";

/** All settings, in the order in which users meet them. */
export const settings = [
  {
    name: "JOBRUNNER_CMD",
    kind: { type: "text", placeholder: "COMMAND", wanted: "a program and its arguments" },
    default: "",
    meaning:
      "The command that each job runs; required unless the configuration file has commands. A bare name is looked up on PATH at start and at each reload. Arguments may follow in shell quoting (no shell is run; on Windows a backslash is literal). A value that is itself the name or path of an executable is used as is, spaces included. `jobrunner serve -- PROGRAM ARG…` also sets the command.",
    scope: "command",
  },
  {
    name: "JOBRUNNER_CONFIG_FILE",
    kind: path("a readable TOML file"),
    default: "",
    meaning:
      "TOML file of at most 1 MiB with settings and named commands, read at start and at each reload. Flags and variables win over the settings at its top.",
    withheld: true,
  },
  {
    name: "JOBRUNNER_CONFIG_WATCH_SEC",
    kind: seconds,
    default: "0",
    meaning:
      "Seconds between two looks at the configuration file and the files that are named in it or elsewhere (password, tokens, certificate, key). When one has changed, the configuration is reloaded, as after SIGHUP. 0: no looks.",
  },
  {
    name: "JOBRUNNER_DEFAULT_COMMAND",
    kind: { type: "text", placeholder: "NAME", wanted: "the name of a command" },
    default: "",
    meaning:
      "Name of the command that `POST /payload` and `POST /run` run. Without a value it is the command `default`, if there is one: JOBRUNNER_CMD is always the command of that name.",
    withheld: true,
  },
  {
    name: "JOBRUNNER_NUM_WORKERS",
    kind: { type: "whole", min: 1, max: 1024, rarely: 0, placeholder: "N" },
    default: "3",
    meaning:
      "Number of workers. They are numbered 1 to N without gaps, and each runs one job at a time. 0, only with JOBRUNNER_NATS_URL and a value of JOBRUNNER_QUEUE_LIMIT: other machines run the jobs.",
    scope: "pool",
  },
  {
    name: "JOBRUNNER_QUEUE_LIMIT",
    kind: { type: "whole", min: 0, max: 1_000_000, placeholder: "N" },
    default: "10 × workers",
    computed: ({ numWorkers }) => String(10 * numWorkers),
    meaning:
      "Jobs that may wait for a worker; beyond that, 503 at once. 0: no queue; a job runs now or is refused. Each token has one place more.",
    scope: "pool",
  },
  {
    name: "JOBRUNNER_QUEUE_TIMEOUT_SEC",
    kind: seconds,
    default: "0",
    zero: Infinity,
    meaning: "Seconds that a job may wait for a worker; after that, 503. 0: no limit.",
    scope: "pool",
  },
  {
    name: "JOBRUNNER_JOB_TIMEOUT_SEC",
    kind: seconds,
    default: "0",
    zero: Infinity,
    meaning:
      "Seconds that a command may run; after that, its processes are killed and exit_status is 124. A request may set a shorter limit with `timeout_sec`. 0: no limit.",
    scope: "command",
  },
  {
    name: "JOBRUNNER_KILL_GRACE_SEC",
    kind: seconds,
    default: "5",
    meaning:
      "Seconds between SIGTERM and SIGKILL when a job's processes are killed. 0: SIGKILL at once.",
    scope: "command",
  },
  {
    name: "JOBRUNNER_DRAIN_TIMEOUT_SEC",
    kind: seconds,
    default: "30",
    meaning:
      "Seconds that waiting and running jobs have to finish after SIGTERM or Ctrl-C; then comes the forced stop: running jobs are killed, waiting ones get 503. 0: a forced stop at once.",
  },
  {
    name: "JOBRUNNER_ON_DISCONNECT",
    kind: { type: "choice", of: ["cancel", "finish"] },
    default: "cancel",
    meaning:
      "What happens to a running job whose client disconnects. `cancel`: its processes are killed; `finish`: it runs to its end. A waiting job leaves the queue either way.",
    scope: "command",
  },
  {
    name: "JOBRUNNER_HTTP_LISTEN_ADDRESS",
    kind: {
      type: "text",
      placeholder: "ADDRESS",
      wanted: "an IP address, a host name or, for a unix socket, unix:PATH",
    },
    default: "127.0.0.1",
    meaning:
      "Address to listen on: IPv4, IPv6, a host name or, for a unix socket, `unix:PATH` with a path of at most 100 bytes (not on Windows). Beyond loopback, a password, a tokens file or JOBRUNNER_ALLOW_OPEN=on is required; every name except localhost counts as beyond loopback, and a unix socket does not.",
  },
  {
    name: "JOBRUNNER_SOCKET_MODE",
    kind: {
      type: "text",
      placeholder: "MODE",
      // TOML has no numbers that begin with 0.
      wanted: 'an octal mode, such as 0660 (in a file: "0660")',
    },
    default: "0660",
    meaning:
      "Who may connect to the unix socket: its mode in octal, as for chmod. `0600`: only the user of the server; `0660`: its group, too; `0666`: everybody on the machine.",
  },
  {
    name: "JOBRUNNER_ALLOW_OPEN",
    kind: onOff,
    default: "off",
    meaning:
      "`on` lets the server listen beyond loopback without a password or tokens: anyone who can reach it can run jobs.",
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
      "Host names that clients may use for a server without a password and tokens, in addition to IP addresses, localhost and the listen address: without ports, separated by commas. Requests for other names get 403, since a web page could have sent them. `*.example.net` allows every name below example.net.",
    list: true,
  },
  {
    name: "JOBRUNNER_HTTP_LISTEN_PORT",
    kind: { type: "whole", min: 0, max: 65535, placeholder: "PORT" },
    default: "8080",
    meaning:
      "Port to listen on. 0: any free port; the log line “listening on …” names it. A unix socket has none.",
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
      "Password that clients must send in the header X-JR-PASSWORD: one line of at most 4096 bytes. CR and LF at either end are ignored, here and in the header. Empty: no password is required. There is no flag, since everyone on the machine can read a command line.",
    secret: true,
    environmentOnly: true,
  },
  {
    name: "JOBRUNNER_PASSWORD_FILE",
    kind: path("a readable file that holds a password"),
    default: "",
    meaning:
      "File that holds the password, as an alternative to JOBRUNNER_PASSWORD: UTF-8, not empty, read at start and at each reload. The flag wins over JOBRUNNER_PASSWORD; setting both variables is an error.",
    withheld: true,
  },
  {
    name: "JOBRUNNER_TOKENS_FILE",
    kind: path("a readable TOML file with tokens"),
    default: "",
    meaning:
      "TOML file of at most 1 MiB with the SHA-256 of each client's token and what it allows, read at start and at each reload. With it, jobs, /status, /commands and /metrics need a token in the header Authorization, or the password. `jobrunner token new` makes tokens.",
    withheld: true,
  },
  {
    name: "JOBRUNNER_TRUSTED_PROXIES",
    kind: {
      type: "text",
      placeholder: "NETWORKS",
      wanted:
        "IP addresses and networks, separated by commas, such as 127.0.0.1,10.0.0.0/8; or unix",
    },
    default: "",
    meaning:
      "Proxies whose header X-Forwarded-For says where a request comes from: IP addresses and networks, separated by commas. The word `unix` stands for everybody who may connect to the unix socket. That address is in the log, and counts for the addresses of a token.",
    list: true,
  },
  {
    name: "JOBRUNNER_TLS_CERT_FILE",
    kind: path("a readable PEM file that holds a certificate"),
    default: "",
    meaning:
      "PEM file with the certificate chain. Together with JOBRUNNER_TLS_KEY_FILE it turns on HTTPS and HTTP/2.",
  },
  {
    name: "JOBRUNNER_TLS_KEY_FILE",
    kind: path("a readable PEM file that holds a private key"),
    default: "",
    meaning: "PEM file with the private key of the certificate.",
    withheld: true,
  },
  {
    name: "JOBRUNNER_MAX_REQUEST_BYTES",
    kind: { type: "whole", min: 0, max: largestRequestBytes, placeholder: "BYTES" },
    default: String(100 * 2 ** 20),
    zero: largestRequestBytes,
    meaning:
      "Maximum size of a body of `POST /payload` in bytes; larger ones get 413. Base64 makes a payload a third larger. 0: the most that the runtime can parse, 500 MiB.",
    scope: "command",
  },
  {
    name: "JOBRUNNER_MAX_RUN_BYTES",
    kind: bytes,
    default: String(10 * 2 ** 30),
    zero: Infinity,
    meaning:
      "Maximum size of a body of `POST /run` in bytes; larger ones get 413. 0: no limit but the disk.",
    scope: "command",
  },
  {
    name: "JOBRUNNER_REQUEST_TIMEOUT_SEC",
    kind: seconds,
    default: "60",
    zero: Infinity,
    meaning:
      "Seconds of one period in which the speed of an upload is measured. In each period at least 16 KiB per second of a request body must arrive, or all that is left of it; otherwise 408. When memory is short, uploads older than one period are refused first. 0: no limit.",
  },
  {
    name: "JOBRUNNER_MAX_BUFFERED_BYTES",
    kind: bytes,
    default: String(2 ** 30),
    zero: Infinity,
    meaning:
      "Bytes held in memory for all requests together: bodies being read or waiting, output of commands, and answers that clients have not read yet (output and answers count for at most half of the limit). A body for which there is no room gets 503; a tenth of the limit is reserved for bodies of up to 64 KiB. 0: no limit.",
  },
  {
    name: "JOBRUNNER_ANSWER_TIMEOUT_SEC",
    kind: seconds,
    default: "60",
    zero: Infinity,
    meaning:
      "Seconds that a client may pause while it reads an answer larger than 64 KiB; after that, the answer is broken off. 0: no limit.",
  },
  {
    name: "JOBRUNNER_MAX_OUTPUT_BYTES",
    kind: bytes,
    default: String(100 * 2 ** 20),
    zero: Infinity,
    meaning:
      "Bytes kept of each of stdout, stderr and the response file for an answer in JSON; the rest is dropped, and the answer says so. 0: no limit.",
    scope: "command",
  },
  {
    name: "JOBRUNNER_MAX_RESULT_BYTES",
    kind: bytes,
    default: String(10 * 2 ** 30),
    zero: Infinity,
    meaning:
      "Bytes kept of each of stdout, stderr and the response file for an answer of `POST /run` that is not JSON; the rest is dropped, and the answer says so. 0: no limit but the disk.",
    scope: "command",
  },
  {
    name: "JOBRUNNER_RESPONSE_TYPE",
    kind: { type: "text", placeholder: "TYPE", wanted: "a media type, such as image/png" },
    default: "application/octet-stream",
    meaning:
      "Content type of the response file in answers of `POST /run`, with its parameters: at most 200 characters, all of them visible ASCII. Stdout has it too where it is the answer because there is no response file; without a type of its own, it is text/plain.",
    scope: "command",
  },
  {
    name: "JOBRUNNER_FAILED_STATUS",
    kind: { type: "whole", min: 400, max: 599, also: 200, placeholder: "STATUS" },
    default: "422",
    meaning:
      "Status of a `POST /run` that asks for bytes and whose command failed: 200, which answers as if it had not failed, or 400 to 599.",
    scope: "command",
  },
  {
    name: "JOBRUNNER_PASS_HEADERS",
    kind: {
      type: "text",
      placeholder: "NAMES",
      wanted: "names of request headers, separated by commas, such as x-tenant,accept-language",
    },
    default: "",
    meaning:
      "Request headers of `POST /run` that the command gets, separated by commas: `x-tenant` as the variable JOBRUNNER_HTTP_X_TENANT, empty if the request does not have it. At most 32 names of at most 64 characters; X-JR-PASSWORD is refused, and with a tokens file Authorization.",
    list: true,
    scope: "command",
  },
  {
    name: "JOBRUNNER_STDIN",
    kind: { type: "choice", of: ["null", "payload"] },
    default: "null",
    meaning:
      "Standard input of the command. `null`: it is empty; `payload`: it is the payload, which is in its file as well.",
    scope: "command",
  },
  {
    name: "JOBRUNNER_WARM",
    kind: onOff,
    default: "off",
    meaning:
      "`on` starts the command before its job: each worker keeps one process ready, which waits for the job on its standard input. The command must be written for that. A command of which no process is ready is started for its job.",
    scope: "command",
    withheld: true,
  },
  {
    name: "JOBRUNNER_WARM_MAX_JOBS",
    kind: { type: "whole", min: 0, max: 1_000_000_000, placeholder: "N" },
    default: "1000",
    zero: Infinity,
    meaning:
      "With JOBRUNNER_WARM=on: jobs that one process of the command serves before it is replaced, after its job. 0: no limit.",
    scope: "command",
  },
  {
    name: "JOBRUNNER_WARM_MAX_AGE_SEC",
    kind: seconds,
    default: "3600",
    zero: Infinity,
    meaning:
      "With JOBRUNNER_WARM=on: age in seconds at which a process of the command is replaced, never during a job. 0: no limit.",
    scope: "command",
  },
  {
    name: "JOBRUNNER_MAX_SPOOL_BYTES",
    kind: bytes,
    default: "0",
    meaning:
      "Bytes that the bodies and outputs of `POST /run` may hold on disk together. A body for which there is no room gets 503; a tenth is reserved for outputs. 0: four fifths of what is free on the disk at start; a quarter of the whole if the spool is in memory (tmpfs); 10 GiB if the machine does not report this.",
  },
  {
    name: "JOBRUNNER_SPOOL_DIR",
    kind: path("an existing folder"),
    default: "the temp folder",
    computed: ({ tempDir }) => tempDir,
    meaning:
      "Folder in which the server creates its own spool folder (mode 0700) for the files of running jobs. With the sandbox on, it must not be below /dev, /proc or /sys.",
  },
  {
    name: "JOBRUNNER_REQUEST_SUFFIX",
    kind: suffix,
    default: "",
    meaning:
      'Appended to the name of the file that holds the payload, such as `.png`, for commands that depend on it. At most 32 bytes of UTF-8, without control characters and `< > : " / \\ | ? *`, and not ending in a dot or a space.',
    scope: "command",
  },
  {
    name: "JOBRUNNER_RESPONSE_SUFFIX",
    kind: suffix,
    default: "",
    meaning:
      "Appended to the name of the response file, such as `.gif`. The rules are those of JOBRUNNER_REQUEST_SUFFIX.",
    scope: "command",
  },
  {
    name: "JOBRUNNER_NATS_URL",
    kind: {
      type: "text",
      placeholder: "URL",
      wanted:
        "the addresses of NATS servers after nats:// or tls://, separated by commas, such as tls://nats1.example.com,nats2.example.com:4223",
    },
    default: "",
    meaning:
      "NATS servers (at least 2.10, with JetStream) through which this machine shares its queue with all machines of the same group: `nats://` or, with TLS, `tls://`, then hosts with or without a port (4222), separated by commas. A user or a password in it is refused. Without it the queue is that of this process, and the other JOBRUNNER_NATS_ settings are errors. All of them are read at start only, and commands do not get them.",
    list: true,
    withheld: true,
  },
  {
    name: "JOBRUNNER_NATS_GROUP",
    kind: { type: "text", placeholder: "NAME", wanted: "at most 32 letters, digits and hyphens" },
    default: "default",
    meaning:
      "Name of the machines that share a queue: at most 32 letters, digits and hyphens. All of them run the same commands.",
    withheld: true,
  },
  {
    name: "JOBRUNNER_NATS_USER",
    kind: {
      type: "text",
      placeholder: "NAME",
      wanted: "the name of a NATS user, without control characters",
    },
    default: "",
    meaning:
      "User at the NATS servers, together with JOBRUNNER_NATS_PASSWORD_FILE. At most one of a user, a token, a seed and a credentials file may be set.",
    withheld: true,
  },
  {
    name: "JOBRUNNER_NATS_PASSWORD_FILE",
    kind: path("a readable file that holds the password of a NATS user"),
    default: "",
    meaning:
      "File with the password of that user: one line of at most 4096 bytes. Its content is read at start only, as that of the other JOBRUNNER_NATS_ files: a new one needs a restart.",
    withheld: true,
  },
  {
    name: "JOBRUNNER_NATS_TOKEN_FILE",
    kind: path("a readable file that holds a NATS token"),
    default: "",
    meaning: "File with a token for the NATS servers: one line of at most 4096 bytes.",
    withheld: true,
  },
  {
    name: "JOBRUNNER_NATS_NKEY_FILE",
    kind: path("a readable file that holds the seed of a NATS user's nkey"),
    default: "",
    meaning: "File with the seed of a user's nkey: one line that begins with SU.",
    withheld: true,
  },
  {
    name: "JOBRUNNER_NATS_CREDS_FILE",
    kind: path("a readable NATS credentials file"),
    default: "",
    meaning: "File with the JWT and the seed of a user, as `nsc` writes it: at most 1 MiB.",
    withheld: true,
  },
  {
    name: "JOBRUNNER_NATS_CA_FILE",
    kind: path("a readable PEM file that holds a certificate"),
    default: "",
    meaning:
      "PEM file with the certificate authorities that the NATS servers' certificates must come from, with `tls://`. Without it they are those that the runtime knows.",
    withheld: true,
  },
  {
    name: "JOBRUNNER_NATS_CERT_FILE",
    kind: path("a readable PEM file that holds a certificate"),
    default: "",
    meaning:
      "PEM file with the certificate that this machine shows to the NATS servers, with `tls://`, together with JOBRUNNER_NATS_KEY_FILE and JOBRUNNER_NATS_TLS_FIRST=on.",
    withheld: true,
  },
  {
    name: "JOBRUNNER_NATS_KEY_FILE",
    kind: path("a readable PEM file that holds a private key"),
    default: "",
    meaning: "PEM file with the private key of that certificate.",
    withheld: true,
  },
  {
    name: "JOBRUNNER_NATS_TLS_FIRST",
    kind: onOff,
    default: "off",
    meaning:
      "`on` begins TLS before anything else is sent, for NATS servers with `handshake_first`, with `tls://`.",
    withheld: true,
  },
  {
    name: "JOBRUNNER_NATS_ON_LOST",
    kind: { type: "choice", of: ["rerun", "fail"] },
    default: "rerun",
    meaning:
      "What happens to a job whose machine is lost while it runs. `rerun`: another machine runs it, so a job may run more than once; `fail`: its client gets 502, so no job runs more than once.",
    withheld: true,
  },
  {
    name: "JOBRUNNER_NATS_ATTEMPTS",
    kind: { type: "whole", min: 1, max: 100, placeholder: "N" },
    default: "3",
    meaning:
      "With JOBRUNNER_NATS_ON_LOST=rerun: how often a job may be begun; when that many machines were lost with it, its client gets 502.",
    withheld: true,
  },
  {
    name: "JOBRUNNER_NATS_NODE_TIMEOUT_SEC",
    kind: { type: "seconds", min: 1, max: 3600 },
    default: "3",
    meaning:
      "Seconds without a sign of life after which a machine counts as lost. Another one can run its jobs two seconds later. Each machine says every second, or three times within a shorter timeout, that it lives.",
    withheld: true,
  },
  {
    name: "JOBRUNNER_NATS_STORAGE",
    kind: { type: "choice", of: ["file", "memory"] },
    default: "file",
    meaning:
      "Where the NATS servers keep waiting jobs: `file` or `memory`. It must be the same on all machines of the group.",
    withheld: true,
  },
  {
    name: "JOBRUNNER_NATS_REPLICAS",
    kind: { type: "whole", min: 1, max: 5, placeholder: "N" },
    default: "1",
    meaning:
      "How many NATS servers of a cluster keep each waiting job; 3 survives the loss of one. It must be the same on all machines of the group.",
    withheld: true,
  },
  {
    name: "JOBRUNNER_NATS_READY",
    kind: { type: "choice", of: ["always", "strict"] },
    default: "always",
    meaning:
      "What /readyz answers while no NATS server can be reached. `always`: 200, as otherwise, and the word degraded; `strict`: 503.",
    withheld: true,
  },
  {
    name: "JOBRUNNER_LOG_FORMAT",
    kind: { type: "choice", of: ["text", "json"] },
    default: "text on a terminal, else json",
    computed: ({ stderrIsTerminal }) => stderrIsTerminal ? "text" : "json",
    meaning: "Format of the log lines on stderr.",
  },
  {
    name: "JOBRUNNER_LOG_LEVEL",
    kind: { type: "choice", of: ["debug", "info", "warning", "error"] },
    default: "info",
    meaning: "The lowest level that is logged.",
  },
  {
    name: "JOBRUNNER_ACCESS_LOG",
    kind: onOff,
    default: "off",
    meaning:
      "`on` logs a line for every request, whatever its path, in addition to the line for every job.",
  },
  {
    name: "JOBRUNNER_OWN_SESSION",
    kind: onOff,
    default: "on",
    meaning:
      "`on` starts each command in a session of its own, through a small launcher (Linux, x64 and ARM64). `off` starts it in the server's session, as on other systems.",
  },
  {
    name: "JOBRUNNER_SANDBOX",
    kind: onOff,
    default: "on",
    meaning:
      "`off` runs the service with every permission that the process has. Where there is no launcher, commands that need LD_* or DYLD_* variables require `off`.",
  },
] as const satisfies readonly Setting[];

/** Any row, with its literal values as types. */
export type Row = typeof settings[number];

/** Name of a setting. */
export type SettingName = Row["name"];

/** Name of a setting whose kind has this type. */
export type NameOf<Type extends Kind["type"]> = Extract<
  Row,
  { readonly kind: { readonly type: Type } }
>["name"];

/** The choices in the row with this name. */
export type ChoiceOf<Name extends NameOf<"choice">> = Extract<
  Row,
  { readonly name: Name; readonly kind: { readonly type: "choice" } }
>["kind"]["of"][number];

/** Names of the settings that are never passed to a command. */
export const withheldSettings: readonly string[] = settings
  .filter((setting: Setting) => setting.secret || setting.withheld)
  .map(({ name }) => name);
