import assert from "node:assert/strict";
import { environmentOf, inheritedBy, withoutSecrets } from "../../src/exec/child_env.ts";

Deno.test("withoutSecrets() removes every secret of the server and nothing else", () => {
  const kept = {
    PATH: "/bin",
    JOBRUNNER_CMD: "x",
    JOBRUNNER_NUM_WORKERS: "2",
    JOBRUNNER_TLS_CERT_FILE: "c",
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
    }),
    kept,
  );
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

Deno.test("environmentOf() prefers a job's variables to inherited ones", () => {
  const environment = environmentOf({
    PATH: "/bin",
    JOBRUNNER_WORKER_ID: "an outer jobrunner's",
    TRACEPARENT: "old",
  }, {
    TRACEPARENT: "new",
  }, {
    command: "c",
    names: undefined,
    workerId: 2,
    id: "i\nj",
    jobFolder: "/j",
    requestFile: "/q",
    responseFile: "/s",
    timeoutMs: Infinity,
  });
  assert.deepEqual(environment, {
    PATH: "/bin",
    TRACEPARENT: "new",
    JOBRUNNER_CMD: "c",
    JOBRUNNER_WORKER_ID: "2",
    JOBRUNNER_REQUEST_ID: "i\nj",
    JOBRUNNER_JOB_DIR: "/j",
    JOBRUNNER_REQUEST_DATA_FN: "/q",
    JOBRUNNER_RESPONSE_DATA_FN: "/s",
  });
});

Deno.test("environmentOf() gives a command with a limit the limit and the deadline", () => {
  const before = Math.floor(Date.now() / 1000);
  const environment = environmentOf({}, {}, {
    command: "c",
    names: undefined,
    workerId: 1,
    id: "i",
    jobFolder: "/j",
    requestFile: "/q",
    responseFile: "/s",
    timeoutMs: 90_500,
  });
  assert.equal(environment["JOBRUNNER_TIMEOUT_SEC"], "90.5");
  const deadline = Number(environment["JOBRUNNER_DEADLINE"]);
  assert.ok(
    deadline >= before + 90 && deadline <= Math.floor(Date.now() / 1000) + 91,
    String(deadline),
  );
});
