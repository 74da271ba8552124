import assert from "node:assert/strict";
import { configOf, configOfFile, configure, errorsOf, errorsOfFile } from "../support/machine.ts";

const cmd = { JOBRUNNER_CMD: "/bin/date" };
const nats = { ...cmd, JOBRUNNER_NATS_URL: "nats://h" };
const natsWithTls = { ...cmd, JOBRUNNER_NATS_URL: "tls://h" };
const cert = "-----BEGIN CERTIFICATE-----\n";
const key = "-----BEGIN PRIVATE KEY-----\n";
const disk = {
  "/ca": { text: `${cert}ca` },
  "/cert": { text: cert },
  "/key": { text: key },
  "/token": { text: "hunter2" },
};
const files = {
  JOBRUNNER_NATS_CA_FILE: "/ca",
  JOBRUNNER_NATS_CERT_FILE: "/cert",
  JOBRUNNER_NATS_KEY_FILE: "/key",
};

Deno.test("JOBRUNNER_NATS_URL alone has the defaults of a shared queue", () => {
  const result = configure(nats);
  assert.ok(result.ok);
  const { settings, ...cluster } = result.config.cluster ?? assert.fail();
  assert.deepEqual(cluster, {
    servers: ["h:4222"],
    tls: undefined,
    group: "default",
    nodeName: "machine",
    onLost: "rerun",
    attempts: 3,
    nodeTimeoutMs: 3000,
    storage: "file",
    replicas: 1,
    ready: "always",
  });
  assert.equal(settings["JOBRUNNER_NATS_URL"], "nats://h");
  assert.deepEqual(result.clusterSecrets, { credentials: { kind: "none" } });
  assert.ok(result.effective.includes("JOBRUNNER_NATS_URL=nats://h  # environment"));
});

Deno.test("other JOBRUNNER_NATS_ settings without JOBRUNNER_NATS_URL are one error", () => {
  assert.deepEqual(
    errorsOf({ ...cmd, JOBRUNNER_NATS_TOKEN_FILE: "/none", JOBRUNNER_NATS_GROUP: "g" }),
    ["JOBRUNNER_NATS_URL=: must be set when JOBRUNNER_NATS_GROUP,JOBRUNNER_NATS_TOKEN_FILE is"],
  );
});

Deno.test("settings of a shared queue that are not valid are errors", () => {
  for (const group of ["a_b", "a.b", "ä", "a b", "a".repeat(33)]) {
    assert.deepEqual(errorsOf({ ...nats, JOBRUNNER_NATS_GROUP: group }), [
      `JOBRUNNER_NATS_GROUP=${group}: must be at most 32 letters, digits and hyphens`,
    ]);
  }
  assert.equal(configOf({ ...nats, JOBRUNNER_NATS_GROUP: "A-1" }).cluster?.group, "A-1");
  assert.deepEqual(
    errorsOf({
      ...nats,
      JOBRUNNER_NATS_ON_LOST: "x",
      JOBRUNNER_NATS_ATTEMPTS: "0",
      JOBRUNNER_NATS_NODE_TIMEOUT_SEC: "0.9",
      JOBRUNNER_NATS_STORAGE: "disk",
      JOBRUNNER_NATS_REPLICAS: "6",
      JOBRUNNER_NATS_READY: "never",
      JOBRUNNER_NATS_TLS_FIRST: "yes",
    }),
    [
      "JOBRUNNER_NATS_TLS_FIRST=yes: must be on or off",
      "JOBRUNNER_NATS_ON_LOST=x: must be rerun or fail",
      "JOBRUNNER_NATS_ATTEMPTS=0: must be a whole number from 1 to 100",
      "JOBRUNNER_NATS_NODE_TIMEOUT_SEC=0.9: must be a number of seconds from 1 to 3600",
      "JOBRUNNER_NATS_STORAGE=disk: must be file or memory",
      "JOBRUNNER_NATS_REPLICAS=6: must be a whole number from 1 to 5",
      "JOBRUNNER_NATS_READY=never: must be always or strict",
    ],
  );
});

Deno.test("tls:// takes authorities and a certificate with its key, which is not in the configuration", () => {
  assert.deepEqual(configOf(natsWithTls).cluster?.tls, {
    ca: undefined,
    cert: undefined,
    first: false,
  });
  const result = configure({ ...natsWithTls, ...files, JOBRUNNER_NATS_TLS_FIRST: "on" }, { disk });
  assert.ok(result.ok, JSON.stringify(result));
  assert.deepEqual(result.config.cluster?.tls, { ca: `${cert}ca`, cert, first: true });
  assert.deepEqual(result.clusterSecrets, { credentials: { kind: "none" }, clientKey: key });
  assert.ok(!JSON.stringify([result.config, result.effective]).includes("PRIVATE"));
  assert.deepEqual(errorsOf({ ...natsWithTls, JOBRUNNER_NATS_CERT_FILE: "/key" }, [], disk), [
    "JOBRUNNER_NATS_KEY_FILE=: must be set when JOBRUNNER_NATS_CERT_FILE is",
    "JOBRUNNER_NATS_CERT_FILE=/key: must be a readable PEM file that holds a certificate (it holds no certificate)",
  ]);
});

Deno.test("a certificate of this machine needs a connection that begins with TLS", () => {
  assert.deepEqual(errorsOf({ ...natsWithTls, ...files }, [], disk), [
    "JOBRUNNER_NATS_TLS_FIRST: must be on when JOBRUNNER_NATS_CERT_FILE is set",
  ]);
});

Deno.test("settings for TLS without tls:// are errors", () => {
  const all = { ...nats, ...files, JOBRUNNER_NATS_TLS_FIRST: "on" };
  const sentence = "must be left out unless JOBRUNNER_NATS_URL begins with tls://";
  assert.deepEqual(
    errorsOf(all, [], disk),
    [...Object.keys(files), "JOBRUNNER_NATS_TLS_FIRST"].map((name) => `${name}: ${sentence}`),
  );
});

Deno.test("when the configuration is read again, no file of a shared queue is read", () => {
  const env = {
    ...natsWithTls,
    ...files,
    JOBRUNNER_NATS_TLS_FIRST: "on",
    JOBRUNNER_NATS_TOKEN_FILE: "/token",
  };
  const first = configure(env, { disk });
  const again = configure(env, { around: { readAtStart: undefined } });
  assert.ok(first.ok && again.ok);
  assert.deepEqual(again.config.cluster?.settings, first.config.cluster?.settings);
  assert.equal(again.clusterSecrets, undefined);
});

Deno.test("the configuration file has the settings of a shared queue at its top", () => {
  const { cluster, pools } = configOfFile(`
nats_url = "nats://a"
nats_group = "g"
nats_node_timeout_sec = 2.5
[commands.front]
cmd = "/bin/date"
num_workers = 0
queue_limit = 4
`);
  assert.equal(cluster?.group, "g");
  assert.equal(cluster?.nodeTimeoutMs, 2500);
  assert.deepEqual(pools.map(({ numWorkers, queueLimit }) => [numWorkers, queueLimit]), [[0, 4]]);
});

Deno.test("a pool of the configuration file without workers needs a shared queue and a queue limit", () => {
  const pools = `
[pools.own]
num_workers = 0
[commands.a]
cmd = "/bin/date"
pool = "own"
[commands.b]
cmd = "/bin/date"
`;
  const none = "must be a whole number from 1 to 1024 (0 only with JOBRUNNER_NATS_URL)";
  const limit = "queue_limit: must be set, since the pool has no workers";
  assert.deepEqual(errorsOfFile(pools), [
    `jobrunner.toml:3: pools.own.num_workers = 0: ${none}`,
  ]);
  const shared = `nats_url = "nats://a"${pools}`;
  assert.deepEqual(errorsOfFile(shared), [`jobrunner.toml:2: pools.own.${limit}`]);
  const limited = configOfFile(`queue_limit = 9\n${shared}`);
  assert.deepEqual(limited.pools.map(({ queueLimit }) => queueLimit), [9, 9]);
  assert.deepEqual(errorsOfFile(`num_workers = 0\n${pools}`), [
    `jobrunner.toml:1: num_workers = 0: ${none}`,
    `jobrunner.toml:4: pools.own.num_workers = 0: ${none}`,
  ]);
  assert.deepEqual(errorsOfFile(`num_workers = 0\n${shared}`), [
    `jobrunner.toml:3: pools.own.${limit}`,
    `jobrunner.toml:8: commands.b.${limit}`,
  ]);
});
