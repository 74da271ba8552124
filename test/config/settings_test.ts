import assert from "node:assert/strict";
import type { ConfigResult } from "../../src/config/config.ts";
import { helpText } from "../../src/config/help.ts";
import { takes } from "../../src/config/kinds.ts";
import { parseConfig } from "../../src/config/parse.ts";
import type { Setting } from "../../src/config/setting.ts";
import { type SettingName, settings } from "../../src/config/settings.ts";
import { parseCommandLine } from "../../src/config/sources.ts";
import { type Disk, machine } from "../support/machine.ts";
import { credsOf, seedOf } from "../support/nats_files.ts";

const rows: readonly Setting[] = settings;

const disk: Disk = {
  "/work/cert": { text: "-----BEGIN CERTIFICATE-----\n" },
  "/work/other-cert": { text: "-----BEGIN CERTIFICATE-----\n2" },
  "/work/key": { text: "-----BEGIN PRIVATE KEY-----\n" },
  "/work/other-key": { text: "-----BEGIN PRIVATE KEY-----\n2" },
  "/work/password": { text: "hunter2" },
  "/work/other-password": { text: "hunter3" },
  "/work/seed": { text: seedOf("A") },
  "/work/other-seed": { text: seedOf("B") },
  "/work/creds": { text: credsOf("A") },
  "/work/other-creds": { text: credsOf("B") },
  "/spool": "folder",
  "/bin/ls": "executable",
};

const nats = { JOBRUNNER_NATS_URL: "nats://h" };
const natsWithTls = { JOBRUNNER_NATS_URL: "tls://h" };

/** The settings that have an effect without a configuration file and a tokens file. */
type Sampled = Exclude<
  SettingName,
  "JOBRUNNER_CONFIG_FILE" | "JOBRUNNER_TOKENS_FILE" | "JOBRUNNER_DEFAULT_COMMAND"
>;

/** Two values of each setting that have different effects, and other variables that they need for that. */
const samples: Readonly<
  Record<
    Sampled,
    readonly [one: string, other: string, env?: Readonly<Record<string, string>>]
  >
> = {
  JOBRUNNER_CMD: ["/bin/ls -l", "/bin/ls"],
  JOBRUNNER_CONFIG_WATCH_SEC: ["2", "1.5"],
  JOBRUNNER_NUM_WORKERS: ["4", "5"],
  JOBRUNNER_QUEUE_LIMIT: ["0", "7"],
  JOBRUNNER_QUEUE_TIMEOUT_SEC: ["0", "1.5"],
  JOBRUNNER_JOB_TIMEOUT_SEC: ["0", "2"],
  JOBRUNNER_KILL_GRACE_SEC: ["0", "7"],
  JOBRUNNER_DRAIN_TIMEOUT_SEC: ["0", ".5"],
  JOBRUNNER_ON_DISCONNECT: ["finish", "cancel"],
  JOBRUNNER_HTTP_LISTEN_ADDRESS: ["[::1]", "localhost"],
  JOBRUNNER_SOCKET_MODE: ["0600", "666", { JOBRUNNER_HTTP_LISTEN_ADDRESS: "unix:/s" }],
  JOBRUNNER_ALLOW_OPEN: ["on", "off", { JOBRUNNER_HTTP_LISTEN_ADDRESS: "::" }],
  JOBRUNNER_ALLOWED_HOSTS: ["example.com", "*.example.com"],
  JOBRUNNER_HTTP_LISTEN_PORT: ["0", "80"],
  JOBRUNNER_PASSWORD: ["hunter2", "hunter3"],
  JOBRUNNER_PASSWORD_FILE: ["password", "other-password"],
  JOBRUNNER_TRUSTED_PROXIES: ["127.0.0.1", "::1,10.0.0.0/8"],
  JOBRUNNER_TLS_CERT_FILE: ["cert", "other-cert", { JOBRUNNER_TLS_KEY_FILE: "key" }],
  JOBRUNNER_TLS_KEY_FILE: ["key", "other-key", { JOBRUNNER_TLS_CERT_FILE: "cert" }],
  JOBRUNNER_MAX_REQUEST_BYTES: ["0", "1"],
  JOBRUNNER_MAX_RUN_BYTES: ["0", "1"],
  JOBRUNNER_REQUEST_TIMEOUT_SEC: ["0", "1"],
  JOBRUNNER_MAX_BUFFERED_BYTES: ["0", "1"],
  JOBRUNNER_ANSWER_TIMEOUT_SEC: ["0", "0.25"],
  JOBRUNNER_MAX_OUTPUT_BYTES: ["0", "1"],
  JOBRUNNER_MAX_RESULT_BYTES: ["0", "1"],
  JOBRUNNER_RESPONSE_TYPE: ["image/png", "text/html; charset=utf-8"],
  JOBRUNNER_FAILED_STATUS: ["200", "500"],
  JOBRUNNER_PASS_HEADERS: ["x-tenant", "x-tenant,Accept-Language"],
  JOBRUNNER_STDIN: ["null", "payload"],
  JOBRUNNER_WARM: ["on", "off"],
  JOBRUNNER_WARM_MAX_JOBS: ["0", "1"],
  JOBRUNNER_WARM_MAX_AGE_SEC: ["0", "1.5"],
  JOBRUNNER_MAX_SPOOL_BYTES: ["0", "1"],
  JOBRUNNER_SPOOL_DIR: ["/spool", "/tmp"],
  JOBRUNNER_REQUEST_SUFFIX: [".png", ".gif"],
  JOBRUNNER_RESPONSE_SUFFIX: [".png", ".gif"],
  JOBRUNNER_NATS_URL: ["nats://a", "tls://a,b:5222"],
  JOBRUNNER_NATS_GROUP: ["red", "blue", nats],
  JOBRUNNER_NATS_USER: ["ann", "bob", { ...nats, JOBRUNNER_NATS_PASSWORD_FILE: "password" }],
  JOBRUNNER_NATS_PASSWORD_FILE: [
    "password",
    "other-password",
    { ...nats, JOBRUNNER_NATS_USER: "ann" },
  ],
  JOBRUNNER_NATS_TOKEN_FILE: ["password", "other-password", nats],
  JOBRUNNER_NATS_NKEY_FILE: ["seed", "other-seed", nats],
  JOBRUNNER_NATS_CREDS_FILE: ["creds", "other-creds", nats],
  JOBRUNNER_NATS_CA_FILE: ["cert", "other-cert", natsWithTls],
  JOBRUNNER_NATS_CERT_FILE: [
    "cert",
    "other-cert",
    { ...natsWithTls, JOBRUNNER_NATS_TLS_FIRST: "on", JOBRUNNER_NATS_KEY_FILE: "key" },
  ],
  JOBRUNNER_NATS_KEY_FILE: [
    "key",
    "other-key",
    { ...natsWithTls, JOBRUNNER_NATS_TLS_FIRST: "on", JOBRUNNER_NATS_CERT_FILE: "cert" },
  ],
  JOBRUNNER_NATS_TLS_FIRST: ["on", "off", natsWithTls],
  JOBRUNNER_NATS_ON_LOST: ["rerun", "fail", nats],
  JOBRUNNER_NATS_ATTEMPTS: ["1", "100", nats],
  JOBRUNNER_NATS_NODE_TIMEOUT_SEC: ["1", "2.5", nats],
  JOBRUNNER_NATS_STORAGE: ["file", "memory", nats],
  JOBRUNNER_NATS_REPLICAS: ["1", "5", nats],
  JOBRUNNER_NATS_READY: ["always", "strict", nats],
  JOBRUNNER_LOG_FORMAT: ["text", "json"],
  JOBRUNNER_LOG_LEVEL: ["debug", "error"],
  JOBRUNNER_ACCESS_LOG: ["on", "off"],
  JOBRUNNER_OWN_SESSION: ["on", "off"],
  JOBRUNNER_SANDBOX: ["on", "off"],
};

function parse(env: Readonly<Record<string, string>>, table = rows): ConfigResult {
  const all = { JOBRUNNER_CMD: "/bin/date", ...env };
  return parseConfig(all, parseCommandLine([]), machine(disk), undefined, undefined, table);
}

/** The table with another default in one row. */
function tableWith(name: string, text: string): Setting[] {
  return rows.map((row) => {
    if (row.name !== name) return row;
    const { computed: _, ...rest } = row;
    return { ...rest, default: text };
  });
}

/** The configuration or its errors, and the effective settings without their origins. */
function withoutOrigins(result: ConfigResult): unknown {
  if (!result.ok) return result;
  return { ...result, effective: result.effective.map((line) => line.replace(/ +# .*/, "")) };
}

for (const name of Object.keys(samples) as Sampled[]) {
  const [one, other, env = {}] = samples[name];

  Deno.test(`${name} has the same effect by a default in its row as by a given value`, () => {
    const configs = [one, other].map((value) => {
      const given = parse({ ...env, [name]: value });
      // An empty value counts as unset.
      const byDefault = parse({ ...env, [name]: "" }, tableWith(name, value));
      assert.deepEqual(withoutOrigins(byDefault), withoutOrigins(given));
      return byDefault.ok && byDefault.config;
    });
    assert.notDeepEqual(configs[0], configs[1]);
  });
}

Deno.test("JOBRUNNER_QUEUE_LIMIT is computed from the default of JOBRUNNER_NUM_WORKERS", () => {
  const result = parse({}, tableWith("JOBRUNNER_NUM_WORKERS", "5"));
  assert.ok(result.ok);
  assert.ok(result.effective.includes("JOBRUNNER_QUEUE_LIMIT=50  # default"));
});

Deno.test("settings have defaults that they themselves accept, or none", () => {
  const basis = { numWorkers: 3, tempDir: "/tmp", stderrIsTerminal: false };
  for (const { name, kind, computed, default: fixed } of rows) {
    const text = computed ? computed(basis) : fixed;
    assert.ok(takes(kind, text) || kind.type === "text" && text === "", name);
  }
});

Deno.test("--help names the default of each row", () => {
  const help = helpText().split(/^ {2}(?=JOBRUNNER)/m).slice(1);
  rows.forEach(({ default: text }, index) => {
    if (text === "") return;
    assert.ok(help[index]?.replace(/\s+/g, " ").includes(` Default: ${text}. `), help[index]);
  });
});
