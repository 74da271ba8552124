import assert from "node:assert/strict";
import {
  canReload,
  changesCluster,
  changesHttps,
  changesTokens,
  fixedIn,
} from "../../src/config/fixed.ts";
import { settings } from "../../src/config/settings.ts";
import { configOf, configure } from "../support/machine.ts";

const cmd = { JOBRUNNER_CMD: "/bin/date" };
const disk = { "/spool": "folder" } as const;
const now = configOf(cmd);

const fixed: readonly (readonly [name: string, value: string, inEffect: string])[] = [
  ["JOBRUNNER_HTTP_LISTEN_ADDRESS", "127.0.0.2", "127.0.0.1"],
  ["JOBRUNNER_HTTP_LISTEN_PORT", "9", "8080"],
  ["JOBRUNNER_SANDBOX", "off", "on"],
  ["JOBRUNNER_SPOOL_DIR", "/spool", "/tmp"],
];

Deno.test("fixedIn() names what a running server keeps, with its values, as far as they differ", () => {
  for (const [name, value, inEffect] of fixed) {
    const next = configOf({ ...cmd, [name]: value }, [], disk);
    assert.deepEqual([...fixedIn(now, next)], [[name, inEffect]]);
  }
  const all = configOf({ ...cmd, ...Object.fromEntries(fixed) }, [], disk);
  assert.equal(fixedIn(now, all).size, fixed.length);
  assert.equal(fixedIn(all, all).size, 0);
});

Deno.test("fixedIn(): the values in effect are accepted as flags, and give the configuration in effect", () => {
  for (
    const env of [
      { JOBRUNNER_HTTP_LISTEN_ADDRESS: "::1", JOBRUNNER_HTTP_LISTEN_PORT: "0" },
      { JOBRUNNER_HTTP_LISTEN_ADDRESS: "localhost", JOBRUNNER_SANDBOX: "off" },
      { JOBRUNNER_SPOOL_DIR: "/spool" },
    ]
  ) {
    const before = configOf({ ...cmd, ...env }, [], disk);
    const kept = fixedIn(before, now);
    const flags = [...kept].map(([name, value]) =>
      `--${name.replace("JOBRUNNER_", "").toLowerCase().replaceAll("_", "-")}=${value}`
    );
    assert.equal(fixedIn(before, configOf(cmd, flags, disk)).size, 0, flags.join());
  }
});

Deno.test("fixedIn() has none of the other settings", () => {
  const names = new Set(fixed.map(([name]) => name));
  const others = {
    JOBRUNNER_NUM_WORKERS: "7",
    JOBRUNNER_PASSWORD: "secret",
    JOBRUNNER_LOG_LEVEL: "error",
    JOBRUNNER_OWN_SESSION: "off",
    JOBRUNNER_ALLOWED_HOSTS: "example.org",
    JOBRUNNER_MAX_RUN_BYTES: "1",
    JOBRUNNER_MAX_RESULT_BYTES: "1",
    JOBRUNNER_MAX_SPOOL_BYTES: "1",
    JOBRUNNER_RESPONSE_TYPE: "image/png",
    JOBRUNNER_FAILED_STATUS: "500",
    JOBRUNNER_PASS_HEADERS: "x-tenant",
    JOBRUNNER_STDIN: "payload",
  };
  assert.equal(fixedIn(now, configOf({ ...cmd, ...others })).size, 0);
  for (const name of names) assert.ok(settings.some((setting) => setting.name === name), name);
});

Deno.test("fixedIn() has every setting of a shared queue, whose values in effect are accepted as flags", () => {
  const nats = { ...cmd, JOBRUNNER_NATS_URL: "nats://h" };
  const shared = configOf(nats);
  const other = configOf(
    {
      ...nats,
      JOBRUNNER_NATS_URL: "tls://h",
      JOBRUNNER_NATS_GROUP: "g",
      JOBRUNNER_NATS_TOKEN_FILE: "/token",
      JOBRUNNER_NATS_READY: "strict",
    },
    [],
    { "/token": { text: "t" } },
  );
  const kept = fixedIn(shared, other);
  assert.deepEqual([...kept], [
    ["JOBRUNNER_NATS_URL", "nats://h"],
    ["JOBRUNNER_NATS_GROUP", "default"],
    ["JOBRUNNER_NATS_TOKEN_FILE", ""],
    ["JOBRUNNER_NATS_READY", "always"],
  ]);
  const flags = [...kept].map(([name, value]) =>
    `--${name.replace("JOBRUNNER_", "").toLowerCase().replaceAll("_", "-")}=${value}`
  );
  const env = { ...nats, JOBRUNNER_NATS_GROUP: "g", JOBRUNNER_NATS_READY: "strict" };
  assert.deepEqual(fixedIn(shared, configOf(env)).size, 2);
  // An empty flag is not accepted on a command line, so the file of the token is left out of both.
  const again = configOf(env, flags.filter((flag) => !flag.endsWith("=")));
  assert.equal(fixedIn(shared, again).size, 0);
});

Deno.test("changesCluster() is an error exactly if a shared queue is turned on or off", () => {
  const shared = configOf({ ...cmd, JOBRUNNER_NATS_URL: "nats://h" });
  const error =
    "JOBRUNNER_NATS_URL: must be set as it was at start: a shared queue cannot be turned on or off without a restart";
  assert.equal(changesCluster(now, shared), error);
  assert.equal(changesCluster(shared, now), error);
  assert.equal(changesCluster(now, now), undefined);
  assert.equal(
    changesCluster(shared, configOf({ ...cmd, JOBRUNNER_NATS_URL: "nats://i" })),
    undefined,
  );
  assert.equal(fixedIn(now, shared).size, 0);
});

Deno.test("changesHttps() is an error exactly if HTTPS is turned on or off", () => {
  const pair = { cert: "a certificate", key: "a key" };
  const secure = { ...now, http: { ...now.http, tls: pair } };
  const renewed = { ...now, http: { ...now.http, tls: { ...pair, cert: "another" } } };
  assert.match(changesHttps(now, secure) ?? "", /^JOBRUNNER_TLS_CERT_FILE: must be set as it was/);
  assert.match(changesHttps(secure, now) ?? "", /without a restart$/);
  assert.equal(changesHttps(now, now), undefined);
  assert.equal(changesHttps(secure, renewed), undefined);
});

Deno.test("changesTokens(): tokens cannot be turned on or off; canReload(): a tokens file is read again", () => {
  const tokens = `tokens.t = { sha256 = "${"a".repeat(64)}", scopes = ["submit"] }`;
  const result = configure(cmd, { tokens });
  assert.ok(result.ok);
  const error =
    "JOBRUNNER_TOKENS_FILE: must be set as it was at start: tokens cannot be turned on or off without a restart";
  assert.equal(changesTokens(now, result.config), error);
  assert.equal(changesTokens(result.config, now), error);
  assert.equal(changesTokens(result.config, result.config), undefined);
  assert.equal(changesTokens(now, now), undefined);
  assert.equal(canReload(now), false);
  assert.equal(canReload(result.config), true);
});

Deno.test("fixedIn() has the mode of a unix socket, and a port only where there is one", () => {
  const at = (path: string, env: Record<string, string> = {}) =>
    configOf({ ...cmd, JOBRUNNER_HTTP_LISTEN_ADDRESS: `unix:${path}`, ...env });
  const socket = at("/s");
  const mode = { JOBRUNNER_SOCKET_MODE: "666" };
  assert.deepEqual([...fixedIn(socket, at("/s", { JOBRUNNER_HTTP_LISTEN_PORT: "9" }))], []);
  assert.deepEqual([...fixedIn(socket, at("/s", mode))], [["JOBRUNNER_SOCKET_MODE", "0660"]]);
  const address = "JOBRUNNER_HTTP_LISTEN_ADDRESS";
  assert.deepEqual([...fixedIn(socket, at("/t"))], [[address, "unix:/s"]]);
  assert.deepEqual([...fixedIn(now, at("/t", mode))], [
    [address, "127.0.0.1"],
    ["JOBRUNNER_SOCKET_MODE", "0660"],
  ]);
  assert.deepEqual([...fixedIn(now, configOf({ ...cmd, ...mode }))], []);
});
