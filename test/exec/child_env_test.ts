import assert from "node:assert/strict";
import {
  commonEnvironment,
  environmentOf,
  inheritedBy,
  withoutSecrets,
} from "../../src/exec/child_env.ts";
import { settings } from "../../src/config/settings.ts";
import type { RequestFacts } from "../../src/jobs/job.ts";

Deno.test("withoutSecrets() removes every secret of the server and nothing else", () => {
  const kept = {
    PATH: "/bin",
    JOBRUNNER_CMD: "x",
    JOBRUNNER_NUM_WORKERS: "2",
    JOBRUNNER_TLS_CERT_FILE: "c",
    JOBRUNNER_HTTP_LISTEN_PORT: "1",
    OTEL_SERVICE_NAME: "s",
    OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://collector:4318/v1/logs",
    MY_PASSWORD: "the command's own",
  };
  assert.deepEqual(
    withoutSecrets({
      ...kept,
      JOBRUNNER_PASSWORD: "p",
      JobRunner_Password: "as Windows would read it",
      JOBRUNNER_PASSWORD_FILE: "f",
      JOBRUNNER_TOKENS_FILE: "t",
      JOBRUNNER_TLS_KEY_FILE: "k",
      OTEL_EXPORTER_OTLP_HEADERS: "h",
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: "h",
      NOTIFY_SOCKET: "n",
      WATCHDOG_USEC: "1",
      WATCHDOG_PID: "1",
      CREDENTIALS_DIRECTORY: "d",
      OTEL_EXPORTER_OTLP_ENDPOINT: "https://user:hunter2@collector",
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://collector/?api-key=hunter2",
      TRACEPARENT: "the server's own",
      TRACESTATE: "the server's own",
      JOBRUNNER_HTTP_X_TENANT: "of the request whose job started the server",
      JOBRUNNER_WARM: "on",
      JOBRUNNER_END: "of the warm process whose job started the server",
    }),
    kept,
  );
});

Deno.test("withoutSecrets() removes every setting of a shared queue", () => {
  const names = settings.map(({ name }) => name).filter((name) => name.includes("_NATS_"));
  assert.ok(names.length > 10);
  assert.deepEqual(withoutSecrets(Object.fromEntries(names.map((name) => [name, "x"]))), {});
});

Deno.test("inheritedBy() takes all variables, none or those named, never a secret, and prefers the command's own", () => {
  const env = {
    PATH: "/bin",
    LANG: "C",
    JOBRUNNER_PASSWORD: "p",
    JOBRUNNER_LOG_LEVEL: "info",
    NOTIFY_SOCKET: "n",
    TRACEPARENT: "the server's",
  };
  const inherit = (inheritEnv: "all" | readonly string[], own = {}) =>
    inheritedBy({ inheritEnv, env: own }, env);
  const { JOBRUNNER_PASSWORD: _p, NOTIFY_SOCKET: _n, TRACEPARENT: _t, ...harmless } = env;
  assert.deepEqual(inherit("all"), harmless);
  assert.deepEqual(inherit([]), {});
  assert.deepEqual(inherit(Object.keys(env)), harmless);
  assert.deepEqual(inherit(["LANG", "NOT_SET", "path"]), { LANG: "C" });
  assert.deepEqual(inherit("all", { LANG: "de", EMPTY: "" }), {
    ...harmless,
    LANG: "de",
    EMPTY: "",
  });
  assert.deepEqual(inherit([], { NOTIFY_SOCKET: "the command's own" }), {
    NOTIFY_SOCKET: "the command's own",
  });
});

Deno.test("inheritedBy() compares names without regard to case on Windows, and always takes SystemRoot there", () => {
  const env = { Path: "C:\\bin", SystemRoot: "C:\\Windows", TEMP: "C:\\Temp" };
  const inherit = (inheritEnv: "all" | readonly string[], own = {}) =>
    inheritedBy({ inheritEnv, env: own }, env, "windows");
  const { Path, SystemRoot } = env;
  assert.deepEqual(inherit([]), { SystemRoot });
  assert.deepEqual(inherit(["PATH"]), { Path, SystemRoot });
  assert.deepEqual(inherit(["SYSTEMROOT"], { path: "D:\\" }), { SystemRoot, path: "D:\\" });
  assert.deepEqual(inherit([], { systemroot: "D:\\" }), { systemroot: "D:\\" });
  assert.deepEqual(inherit("all"), env);
  assert.deepEqual(inheritedBy({ inheritEnv: [], env: {} }, env, "linux"), {});
});

/** A job without limits; `request` is what its request says. */
function jobOf(request?: RequestFacts, timeoutMs = Infinity): Parameters<typeof environmentOf>[2] {
  return {
    workerId: 2,
    id: "i\nj",
    jobFolder: "/j",
    requestFile: "/q",
    requestFolder: "",
    responseFile: "/s",
    request,
    timeoutMs,
  };
}

const ofTheJob = {
  JOBRUNNER_WORKER_ID: "2",
  JOBRUNNER_REQUEST_ID: "i\nj",
  JOBRUNNER_JOB_DIR: "/j",
  JOBRUNNER_REQUEST_DATA_FN: "/q",
  JOBRUNNER_REQUEST_DIR: "",
  JOBRUNNER_RESPONSE_DATA_FN: "/s",
};

const ofNoRequest = {
  JOBRUNNER_QUERY_STRING: "",
  JOBRUNNER_CONTENT_TYPE: "",
  JOBRUNNER_CONTENT_LENGTH: "",
  JOBRUNNER_FILENAME: "",
};

const unnamed = { command: "c", names: undefined, passHeaders: [] };

Deno.test("environmentOf() prefers a job's variables to inherited ones", () => {
  const common = commonEnvironment({
    PATH: "/bin",
    JOBRUNNER_WORKER_ID: "an outer jobrunner's",
    JOBRUNNER_REQUEST_DIR: "an outer jobrunner's",
    TRACEPARENT: "old",
  }, unnamed);
  assert.deepEqual(environmentOf(common, { TRACEPARENT: "new" }, jobOf()), {
    PATH: "/bin",
    TRACEPARENT: "new",
    JOBRUNNER_CMD: "c",
    ...ofNoRequest,
    ...ofTheJob,
  });
});

Deno.test("environmentOf() without a request sets the request's variables, empty, whatever is inherited", () => {
  const inherited = Object.fromEntries(Object.keys(ofNoRequest).map((name) => [name, "outer"]));
  const common = commonEnvironment(inherited, {
    command: "c",
    names: { command: "n", pool: "p" },
    passHeaders: ["x-tenant", "accept-language"],
  });
  assert.deepEqual(environmentOf(common, {}, jobOf()), {
    JOBRUNNER_CMD: "c",
    JOBRUNNER_COMMAND: "n",
    JOBRUNNER_POOL: "p",
    JOBRUNNER_HTTP_X_TENANT: "",
    JOBRUNNER_HTTP_ACCEPT_LANGUAGE: "",
    ...ofNoRequest,
    ...ofTheJob,
  });
});

Deno.test("environmentOf() sets what a request says, its headers in upper case with underscores", () => {
  const common = commonEnvironment({}, { ...unnamed, passHeaders: ["x-tenant", "a.b!c-9"] });
  const before = { ...common };
  const env = environmentOf(common, {}, {
    ...jobOf({
      queryString: "a=1&b=%00",
      contentType: "text/plain",
      contentLength: 12e9,
      filename: "ü.txt",
      headers: { "x-tenant": "t", "a.b!c-9": "" },
    }),
    requestFolder: "/j/request",
  });
  assert.deepEqual(env, {
    JOBRUNNER_CMD: "c",
    ...ofTheJob,
    JOBRUNNER_REQUEST_DIR: "/j/request",
    JOBRUNNER_QUERY_STRING: "a=1&b=%00",
    JOBRUNNER_CONTENT_TYPE: "text/plain",
    JOBRUNNER_CONTENT_LENGTH: "12000000000",
    JOBRUNNER_FILENAME: "ü.txt",
    JOBRUNNER_HTTP_X_TENANT: "t",
    JOBRUNNER_HTTP_A_B_C_9: "",
  });
  assert.deepEqual(common, before, "the next job does not get them");
});

Deno.test("environmentOf() gives a command with a limit the limit and the deadline", () => {
  const before = Math.floor(Date.now() / 1000);
  const environment = environmentOf({}, {}, jobOf(undefined, 90_500));
  assert.equal(environment["JOBRUNNER_TIMEOUT_SEC"], "90.5");
  const deadline = Number(environment["JOBRUNNER_DEADLINE"]);
  assert.ok(
    deadline >= before + 90 && deadline <= Math.floor(Date.now() / 1000) + 91,
    String(deadline),
  );
});
