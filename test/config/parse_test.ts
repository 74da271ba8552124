import assert from "node:assert/strict";
import type { CommandConfig } from "../../src/config/config.ts";
import { parseConfig } from "../../src/config/parse.ts";
import { parseCommandLine } from "../../src/config/sources.ts";
import {
  configOf,
  configure,
  errorsOf,
  machine,
  onlyCommandOf,
  onlyPoolOf,
} from "../support/machine.ts";

const cmd = { JOBRUNNER_CMD: "/bin/date" };

Deno.test("parseConfig() has the defaults of the contract", () => {
  const { commands, ...rest } = configOf(cmd);
  const [{ command, ...about }] = commands as [CommandConfig];
  assert.equal(commands.length, 1);
  assert.equal(command.program, "/bin/date");
  assert.deepEqual(about, {
    name: "default",
    description: undefined,
    pool: "default",
    maxRequestBytes: 104857600,
    maxRunBytes: 10737418240,
    passHeaders: [],
    responseType: "application/octet-stream",
    failedStatus: 422,
    onDisconnect: "cancel",
    killGraceMs: 5000,
    run: {
      jobTimeoutMs: Infinity,
      maxOutputBytes: 104857600,
      maxResultBytes: 10737418240,
      stdin: "null",
      warm: false,
      warmMaxJobs: 1000,
      warmMaxAgeMs: 3_600_000,
      requestSuffix: "",
      responseSuffix: "",
    },
    launch: {
      inheritEnv: "all",
      env: {},
      workingDirectory: undefined,
      umask: undefined,
      nice: undefined,
      limits: {
        memoryBytes: undefined,
        cpuSec: undefined,
        fileBytes: undefined,
        openFiles: undefined,
      },
    },
  });
  assert.deepEqual(rest, {
    named: false,
    configWatchMs: 0,
    pools: [{ name: "default", numWorkers: 3, queueLimit: 30, queueTimeoutMs: Infinity }],
    defaultCommand: "default",
    http: {
      address: "127.0.0.1",
      port: 8080,
      tls: undefined,
      tokens: undefined,
      trustedProxies: [],
      passwordDigest: undefined,
      hostNames: ["127.0.0.1"],
      socket: undefined,
      socketMode: 0o660,
      requestTimeoutMs: 60000,
      maxBufferedBytes: 1073741824,
      answerTimeoutMs: 60000,
      accessLog: false,
    },
    spool: { parent: "/tmp", maxBytes: undefined },
    launcher: { ownSession: true, parents: ["/tmp"] },
    sandbox: true,
    stopping: { killGraceMs: 5000, drainTimeoutMs: 30000 },
    log: { format: "json", level: "info" },
    tracing: undefined,
    cluster: undefined,
  });
});

Deno.test("parseConfig() returns a configuration that is frozen with all records and lists in it", () => {
  const all = configOf({ ...cmd, JOBRUNNER_PASSWORD: "x", OTEL_TRACES_EXPORTER: "otlp" });
  const visit = (value: unknown) => {
    if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return;
    assert.ok(Object.isFrozen(value), Deno.inspect(value));
    Object.values(value).forEach(visit);
  };
  visit(all);
});

Deno.test("JOBRUNNER_QUEUE_LIMIT follows the number of workers unless it is set", () => {
  assert.equal(onlyPoolOf({ ...cmd, JOBRUNNER_NUM_WORKERS: "7" }).queueLimit, 70);
  assert.equal(
    onlyPoolOf({ ...cmd, JOBRUNNER_NUM_WORKERS: "7", JOBRUNNER_QUEUE_LIMIT: "0" }).queueLimit,
    0,
  );
});

Deno.test("JOBRUNNER_NUM_WORKERS may be 0 with JOBRUNNER_NATS_URL and a value of JOBRUNNER_QUEUE_LIMIT", () => {
  const front = { ...cmd, JOBRUNNER_NATS_URL: "nats://h", JOBRUNNER_NUM_WORKERS: "0" };
  for (const limit of ["0", "7"]) {
    const { numWorkers, queueLimit } = onlyPoolOf({ ...front, JOBRUNNER_QUEUE_LIMIT: limit });
    assert.deepEqual([numWorkers, queueLimit], [0, Number(limit)]);
  }
  assert.deepEqual(errorsOf(front), [
    "JOBRUNNER_QUEUE_LIMIT=: must be set when JOBRUNNER_NUM_WORKERS is 0",
  ]);
  assert.deepEqual(errorsOf({ ...front, JOBRUNNER_QUEUE_LIMIT: "x" }), [
    "JOBRUNNER_QUEUE_LIMIT=x: must be a whole number from 0 to 1000000",
  ]);
});

Deno.test("parseConfig() takes 0 as no limit in settings that are limits", () => {
  const { http, commands } = configOf({
    ...cmd,
    JOBRUNNER_MAX_REQUEST_BYTES: "0",
    JOBRUNNER_MAX_BUFFERED_BYTES: "0",
    JOBRUNNER_MAX_OUTPUT_BYTES: "0",
    JOBRUNNER_MAX_RUN_BYTES: "0",
    JOBRUNNER_MAX_RESULT_BYTES: "0",
    JOBRUNNER_REQUEST_TIMEOUT_SEC: "0",
    JOBRUNNER_ANSWER_TIMEOUT_SEC: "0",
  });
  assert.deepEqual(
    [
      commands[0]?.maxRequestBytes,
      http.maxBufferedBytes,
      commands[0]?.run.maxOutputBytes,
      commands[0]?.maxRunBytes,
      commands[0]?.run.maxResultBytes,
      http.requestTimeoutMs,
      http.answerTimeoutMs,
    ],
    [500 * 2 ** 20, Infinity, Infinity, Infinity, Infinity, Infinity, Infinity],
  );
});

Deno.test("parseConfig() takes an empty variable as unset", () => {
  assert.equal(
    onlyPoolOf({ ...cmd, JOBRUNNER_NUM_WORKERS: "", JOBRUNNER_HTTP_LISTEN_ADDRESS: "" }).numWorkers,
    3,
  );
});

Deno.test("parseConfig() prefers flags to the environment", () => {
  const env = { ...cmd, JOBRUNNER_NUM_WORKERS: "2", JOBRUNNER_REQUEST_TIMEOUT_SEC: "1" };
  const all = configOf(env, ["--num-workers=5", "--request-timeout-sec", "0.25"]);
  assert.equal(all.pools[0]?.numWorkers, 5);
  assert.equal(all.http.requestTimeoutMs, 250);
});

Deno.test("parseConfig() reports all errors at once, one line each, in one grammar", () => {
  assert.deepEqual(
    errorsOf({
      JOBRUNNER_NUM_WORKERS: "0",
      JOBRUNNER_HTTP_LISTEN_PORT: "http",
      JOBRUNNER_HTTP_LISTEN_ADDRESS: "not an address",
      JOBRUNNER_QUEUE_LIMIT: "-1",
      JOBRUNNER_LOG_LEVEL: "loud",
      JOBRUNNER_SANDBOX: "maybe",
      JOBRUNNER_OWN_SESSION: "off",
      JOBRUNNER_MAX_OUTPUT_BYTES: "1e6",
      JOBRUNNER_SPOOL_DIR: "nowhere",
      JOBRUNNER_TLS_KEY_FILE: "/key",
      LD_PRELOAD: "evil.so",
      LD_EMPTY: "",
    }, ["--request-timeout-sec=soon", "stray", "--nonsense=x", "--log-format"]),
    [
      "stray: unexpected argument: the command goes after --",
      "--nonsense: must be a flag of jobrunner serve: see jobrunner --help",
      "--log-format: must be given a value: text or json",
      "JOBRUNNER_CMD=: must be a program and its arguments (or use --cmd, or jobrunner serve -- PROGRAM ARG…)",
      "JOBRUNNER_NUM_WORKERS=0: must be a whole number from 1 to 1024 (0 only with JOBRUNNER_NATS_URL)",
      "JOBRUNNER_HTTP_LISTEN_ADDRESS=not an address: must be an IP address, a host name or, for a unix socket, unix:PATH",
      "JOBRUNNER_SANDBOX=maybe: must be on or off",
      "LD_PRELOAD: must be unset while the sandbox is on, since no command could start: unset it, or set JOBRUNNER_SANDBOX=off",
      "JOBRUNNER_QUEUE_LIMIT=-1: must be a whole number from 0 to 1000000",
      "JOBRUNNER_HTTP_LISTEN_PORT=http: must be a whole number from 0 to 65535",
      "JOBRUNNER_TLS_CERT_FILE=: must be set when JOBRUNNER_TLS_KEY_FILE is",
      "JOBRUNNER_TLS_KEY_FILE=/key: must be a readable PEM file that holds a private key (No such file)",
      "--request-timeout-sec=soon: must be a number of seconds from 0 to 2147483",
      "JOBRUNNER_MAX_OUTPUT_BYTES=1e6: must be a whole number from 0 to 1099511627776",
      "JOBRUNNER_SPOOL_DIR=nowhere: must be an existing folder",
      "JOBRUNNER_LOG_LEVEL=loud: must be debug or info or warning or error",
    ],
  );
});

Deno.test("parseConfig() reports an error in one line and never shows a secret", () => {
  const [first = "", second] = errorsOf({
    ...cmd,
    JOBRUNNER_NUM_WORKERS: "1\n2",
    JOBRUNNER_PASSWORD: " hunter2",
  });
  assert.equal(first, "JOBRUNNER_NUM_WORKERS=1\\n2: must be a whole number from 1 to 1024");
  assert.match(second ?? "", /^JOBRUNNER_PASSWORD=\*\*\*: must be text without control characters/);
});

Deno.test("parseConfig() rejects a setting that is not UTF-8, and only warns of another variable", () => {
  const machineWith = (undecodable: string[]) =>
    parseConfig(cmd, parseCommandLine([]), { ...machine(), undecodable });
  const ours = machineWith(["JOBRUNNER_PASSWORD", "OTHER"]);
  assert.ok(!ours.ok);
  assert.deepEqual(ours.errors, ["JOBRUNNER_PASSWORD: must be UTF-8 text"]);
  const other = machineWith(["OTHER"]);
  assert.ok(other.ok);
  assert.deepEqual(other.warnings, ["OTHER is not UTF-8 text: commands do not get it"]);
});

Deno.test("parseConfig() returns each value with its origin and hides the password", () => {
  const result = configure({ ...cmd, JOBRUNNER_PASSWORD: "hunter2" }, {
    args: ["--num-workers=2"],
  });
  assert.ok(result.ok);
  const lines = result.effective;
  assert.ok(lines.includes("JOBRUNNER_CMD=/bin/date  # environment"));
  assert.ok(lines.includes("JOBRUNNER_NUM_WORKERS=2  # flag"));
  assert.ok(lines.includes("JOBRUNNER_QUEUE_LIMIT=20  # default"));
  assert.ok(lines.includes("JOBRUNNER_PASSWORD=***  # environment"));
  assert.ok(!lines.join().includes("hunter2"));
});

Deno.test("JOBRUNNER_FAILED_STATUS is 200 or from 400 to 599", () => {
  for (const status of ["200", "400", "401", "403", "407", "411", "417", "422", "500", "599"]) {
    const env = { ...cmd, JOBRUNNER_FAILED_STATUS: status };
    assert.equal(configOf(env).commands[0]?.failedStatus, Number(status));
  }
  const wanted = "must be 200 or a whole number from 400 to 599";
  for (
    const bad of ["0", "100", "199", "201", "204", "302", "399", "600", "4xx", "-400", "422.5"]
  ) {
    const errors = errorsOf({ ...cmd, JOBRUNNER_FAILED_STATUS: bad });
    assert.deepEqual(errors, [`JOBRUNNER_FAILED_STATUS=${bad}: ${wanted}`]);
  }
  assert.deepEqual(errorsOf(cmd, ["--failed-status=201"]), [`--failed-status=201: ${wanted}`]);
  const toml = "failed_status = 201\n";
  const inFile = configure(cmd, { toml });
  assert.deepEqual(!inFile.ok && inFile.errors, [
    `jobrunner.toml:1: failed_status = 201: ${wanted}`,
  ]);
});

Deno.test("JOBRUNNER_STDIN is null or payload", () => {
  const { run } = configOf({ ...cmd, JOBRUNNER_STDIN: "payload" }).commands[0] as CommandConfig;
  assert.equal(run.stdin, "payload");
  assert.deepEqual(errorsOf({ ...cmd, JOBRUNNER_STDIN: "/dev/null" }), [
    "JOBRUNNER_STDIN=/dev/null: must be null or payload",
  ]);
});

Deno.test("JOBRUNNER_WARM is on or off, and its limits take 0 as none", () => {
  const runOf = (env: Readonly<Record<string, string>>) => {
    const { warm, warmMaxJobs, warmMaxAgeMs } = onlyCommandOf({ ...cmd, ...env }).run;
    return [warm, warmMaxJobs, warmMaxAgeMs];
  };
  assert.deepEqual(runOf({ JOBRUNNER_WARM: "on" }), [true, 1000, 3_600_000]);
  assert.deepEqual(
    runOf({ JOBRUNNER_WARM_MAX_JOBS: "0", JOBRUNNER_WARM_MAX_AGE_SEC: "0" }),
    [false, Infinity, Infinity],
  );
  assert.deepEqual(errorsOf({ ...cmd, JOBRUNNER_WARM: "1" }), [
    "JOBRUNNER_WARM=1: must be on or off",
  ]);
  assert.deepEqual(errorsOf({ ...cmd, JOBRUNNER_WARM_MAX_AGE_SEC: "2147484" }), [
    "JOBRUNNER_WARM_MAX_AGE_SEC=2147484: must be a number of seconds from 0 to 2147483",
  ]);
});

Deno.test("JOBRUNNER_WARM=on is rejected together with JOBRUNNER_STDIN=payload", () => {
  const sentence = "must be off while JOBRUNNER_STDIN=payload: a warm process gets its jobs there";
  const payload = { ...cmd, JOBRUNNER_STDIN: "payload" };
  assert.deepEqual(errorsOf({ ...payload, JOBRUNNER_WARM: "on" }), [
    `JOBRUNNER_WARM=on: ${sentence}`,
  ]);
  assert.deepEqual(errorsOf(payload, ["--warm=on"]), [`--warm=on: ${sentence}`]);
  const inFile = configure(payload, { toml: "warm = true\n" });
  assert.deepEqual(!inFile.ok && inFile.errors, [`jobrunner.toml:1: warm = true: ${sentence}`]);
});
