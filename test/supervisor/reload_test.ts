import assert from "node:assert/strict";
import type { Config } from "../../src/config/config.ts";
import type { ReadResult } from "../../src/supervisor/config_reader.ts";
import { createReloading, type ReloadParts } from "../../src/supervisor/reload.ts";
import { configOf, configure } from "../support/machine.ts";

const cmd = { JOBRUNNER_CMD: "/bin/date" };
const first = configOf(cmd);

/** What was read: a configuration of these variables, or these errors. */
function readOf(given: Readonly<Record<string, string>> | readonly string[]): ReadResult {
  const files = new Map([["/etc/jobrunner.toml", "digest"]]);
  if (given instanceof Array) return { ok: false, errors: given, files };
  return { ok: true, config: configOf({ ...cmd, ...given }), warnings: [], effective: [], files };
}

/** A reload whose parts are fakes; `seen` has what they were asked, in order. */
function setUp(parts: Partial<ReloadParts> = {}, config = first) {
  const seen: unknown[] = [];
  const lines: string[] = [];
  const reloading = createReloading(config, {
    read: () => Promise.resolve(readOf({ JOBRUNNER_NUM_WORKERS: "7" })),
    folders: {
      renew: (config) => ({
        config,
        starts: [],
        spoolBytes: 1000,
        undo: () => void seen.push("undo"),
      }),
    },
    replace({ config, spoolBytes }) {
      seen.push(config.pools[0]?.numWorkers);
      assert.equal(spoolBytes, 1000);
      return Promise.resolve({ ok: true });
    },
    watch: { watch: (files, everyMs) => void seen.push([...files.keys(), everyMs]) },
    notifier: {
      reloading: () => void seen.push("RELOADING"),
      ready: (status) => void seen.push(status),
    },
    log: {
      write: (message, fields) => void lines.push(`${message} ${JSON.stringify(fields)}`),
      configure: ({ level }) => void seen.push(level),
      flush: () => Promise.resolve(),
    },
    ...parts,
  });
  return { reloading, seen, lines };
}

Deno.test("reload() gives service, watch and log the new configuration, and notifies systemd", async () => {
  const { reloading, seen, lines } = setUp();
  await reloading.reload("SIGHUP");
  assert.deepEqual(seen, [
    "RELOADING",
    ["/etc/jobrunner.toml", 0],
    7,
    ["/etc/jobrunner.toml", 0],
    "info",
    "configuration reloaded",
  ]);
  assert.deepEqual(lines, ['configuration reloaded {"cause":"SIGHUP","commands":1}']);
  assert.equal(reloading.config.pools[0]?.numWorkers, 7);
  assert.equal(reloading.successful, true);
});

const failures: readonly (readonly [string, Partial<ReloadParts>, string, readonly unknown[]])[] = [
  [
    "a configuration with errors",
    {
      read: () => Promise.resolve(readOf(["jobrunner.toml:3: must be x"])),
    },
    "jobrunner.toml:3: must be x",
    [],
  ],
  [
    "a launcher that cannot be made",
    {
      folders: {
        renew() {
          throw new Error("all 128 launchers are in use");
        },
      },
    },
    "all 128 launchers are in use",
    [],
  ],
  [
    "a service that refuses it",
    {
      replace: () => Promise.resolve({ ok: false, reason: "the server is stopping" }),
    },
    "the server is stopping",
    ["undo"],
  ],
  [
    "HTTPS turned on",
    {
      read() {
        const read = readOf({});
        assert.ok(read.ok);
        const http = { ...read.config.http, tls: { cert: "", key: "" } };
        return Promise.resolve({ ...read, config: { ...read.config, http } });
      },
    },
    "JOBRUNNER_TLS_CERT_FILE: must be set as it was at start",
    [],
  ],
  [
    "a shared queue turned on",
    { read: () => Promise.resolve(readOf({ JOBRUNNER_NATS_URL: "nats://h" })) },
    "JOBRUNNER_NATS_URL: must be set as it was at start",
    [],
  ],
  ["a bug", { read: () => Promise.reject(new Error("a bug")) }, "Error: a bug", []],
];

for (const [what, parts, error, asked] of failures) {
  Deno.test(`reload() with ${what} changes nothing, and logs why`, async () => {
    const { reloading, seen, lines } = setUp(parts);
    await reloading.reload("SIGHUP");
    const status = "the configuration has errors: see the log";
    const watched = error === "Error: a bug" ? [] : [["/etc/jobrunner.toml", 0]];
    assert.deepEqual(seen, ["RELOADING", ...watched, ...asked, status]);
    assert.ok(lines[0]?.startsWith(`configuration error {"error":"${error}`), lines[0]);
    assert.deepEqual(lines.slice(1), [
      'configuration not reloaded: the one before stays in effect {"cause":"SIGHUP"}',
    ]);
    assert.equal(reloading.config, first);
    assert.equal(reloading.successful, false);
  });
}

Deno.test("reload() logs a hundred errors, and how many more there are", async () => {
  const errors = Array.from({ length: 120 }, (_, index) => `error ${index}`);
  const { reloading, lines } = setUp({ read: () => Promise.resolve(readOf(errors)) });
  await reloading.reload("SIGHUP");
  assert.equal(lines.length, 102);
  assert.equal(lines[99], 'configuration error {"error":"error 99"}');
  assert.equal(lines[100], 'configuration error {"error":"20 more errors"}');
});

Deno.test("reload() keeps what needs a restart as it is, and says so", async () => {
  const given = {
    JOBRUNNER_HTTP_LISTEN_ADDRESS: "127.0.0.2",
    JOBRUNNER_HTTP_LISTEN_PORT: "9",
    JOBRUNNER_SANDBOX: "off",
    JOBRUNNER_SPOOL_DIR: "/spool",
    JOBRUNNER_NUM_WORKERS: "5",
  };
  const asked: unknown[] = [];
  const { reloading, lines } = setUp({
    read(fixed) {
      asked.push(fixed && Object.fromEntries(fixed));
      const disk = { "/spool": "folder" } as const;
      const config = configOf({ ...cmd, ...given, ...Object.fromEntries(fixed ?? []) }, [], disk);
      return Promise.resolve({ ok: true, config, warnings: [], effective: [], files: new Map() });
    },
  });
  await reloading.reload("SIGHUP");
  const kept = {
    JOBRUNNER_HTTP_LISTEN_ADDRESS: "127.0.0.1",
    JOBRUNNER_HTTP_LISTEN_PORT: "8080",
    JOBRUNNER_SANDBOX: "on",
    JOBRUNNER_SPOOL_DIR: "/tmp",
  };
  assert.deepEqual(asked, [undefined, kept]);
  const { http, sandbox, spool, pools } = reloading.config;
  assert.deepEqual(
    [http.address, http.port, sandbox, spool.parent, pools[0]?.numWorkers],
    ["127.0.0.1", 8080, true, "/tmp", 5],
  );
  assert.deepEqual(
    lines.slice(0, -1),
    Object.keys(kept).map((setting) =>
      `a changed setting needs a restart {"setting":"${setting}"}`
    ),
  );
});

Deno.test("reload() keeps the shared queue of the start, with its certificates", async () => {
  const nats = { ...cmd, JOBRUNNER_NATS_URL: "tls://h", JOBRUNNER_NATS_CA_FILE: "/ca" };
  const disk = { "/ca": { text: "-----BEGIN CERTIFICATE-----" } };
  const shared = configOf(nats, [], disk);
  const { reloading, lines } = setUp({
    read(fixed) {
      const changed = { ...nats, JOBRUNNER_NATS_GROUP: "other", JOBRUNNER_NUM_WORKERS: "7" };
      const result = configure({ ...changed, ...Object.fromEntries(fixed ?? []) }, {
        around: { readAtStart: undefined },
      });
      return Promise.resolve({ ...result, files: new Map() });
    },
  }, shared);
  await reloading.reload("SIGHUP");
  assert.equal(reloading.config.cluster, shared.cluster);
  assert.equal(reloading.config.pools[0]?.numWorkers, 7);
  assert.equal(
    lines[0],
    'a changed setting needs a restart {"setting":"JOBRUNNER_NATS_GROUP"}',
  );
});

Deno.test("reload() refuses a configuration that is valid only with a setting that needs a restart", async () => {
  // Without a password the server may listen on loopback only, where it would listen after a restart.
  const open: Config = configOf({
    ...cmd,
    JOBRUNNER_HTTP_LISTEN_ADDRESS: "0.0.0.0",
    JOBRUNNER_PASSWORD: "secret",
  });
  const reads: (readonly [string, string][] | undefined)[] = [];
  const { reloading } = setUp({
    read(fixed) {
      reads.push(fixed && [...fixed]);
      return Promise.resolve(
        fixed ? readOf(["--http-listen-address=0.0.0.0: must be on loopback"]) : readOf({}),
      );
    },
  }, open);
  await reloading.reload("SIGHUP");
  assert.deepEqual(reads, [undefined, [["JOBRUNNER_HTTP_LISTEN_ADDRESS", "0.0.0.0"]]]);
  assert.equal(reloading.config, open);
  assert.equal(reloading.successful, false);
});

Deno.test("reload() during a reload causes one more, whatever the number of calls", async () => {
  const reads: string[] = [];
  const gate = Promise.withResolvers<void>();
  const { reloading, lines } = setUp({
    async read() {
      reads.push("read");
      await gate.promise;
      return readOf({});
    },
  });
  const all = ["one", "two", "three"].map((cause) => reloading.reload(cause));
  gate.resolve();
  await Promise.all(all);
  assert.equal(reads.length, 2);
  assert.deepEqual(
    lines,
    ["one", "three"].map((cause) => `configuration reloaded {"cause":"${cause}","commands":1}`),
  );
});

Deno.test("stopping of a reload has the longest grace period that any command has had", async () => {
  const graces = ["9", "1"];
  const { reloading } = setUp({
    read: () => Promise.resolve(readOf({ JOBRUNNER_KILL_GRACE_SEC: graces.shift() ?? "" })),
  });
  assert.equal(reloading.stopping.killGraceMs, 5000);
  for (const _ of [1, 2]) await reloading.reload("SIGHUP");
  assert.equal(reloading.stopping.killGraceMs, 9000);
});

Deno.test("reload() with errors watches the files that it has read, as often as before", async () => {
  const watched: unknown[] = [];
  const files = new Map([["/run/secret", ""]]);
  const { reloading } = setUp({
    read: () => Promise.resolve({ ok: false, errors: ["/run/secret is missing"], files }),
    watch: { watch: (...given) => void watched.push(given) },
  }, configOf({ ...cmd, JOBRUNNER_CONFIG_WATCH_SEC: "3" }));
  await reloading.reload("SIGHUP");
  assert.deepEqual(watched, [[files, 3000]]);
});
