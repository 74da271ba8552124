import assert from "node:assert/strict";
import fc from "fast-check";
import { parseCommandLine } from "../../src/config/sources.ts";
import { createConfigReader, digestOf } from "../../src/supervisor/config_reader.ts";
import { createReloading } from "../../src/supervisor/reload.ts";
import { temporaryFolder } from "../support/folder.ts";
import { boundByModes } from "../support/powers.ts";

const good = '[commands.a]\ncmd = "/bin/sh"\n';

/** A reader of a file in a folder of its own. */
function setUp(text: string, args: readonly string[] = []) {
  const folder = temporaryFolder();
  const file = `${folder.path}/jobrunner.toml`;
  const write = (text: string) => Deno.writeTextFileSync(file, text);
  write(text);
  const env = { PATH: "/bin", JOBRUNNER_CONFIG_FILE: file, JOBRUNNER_SPOOL_DIR: folder.path };
  return {
    folder: folder.path,
    file,
    write,
    read: createConfigReader(env, parseCommandLine(args)),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

Deno.test("a configuration reader reads the files anew each time; flags and environment stay", async () => {
  using set = setUp(good, ["--num-workers=7"]);
  const first = await set.read();
  assert.ok(first.ok);
  set.write(`log_level = "error"\nnum_workers = 2\n${good}[commands.b]\ncmd = "/bin/sh"\n`);
  const second = await set.read();
  assert.ok(second.ok);
  assert.deepEqual(first.config.commands.map(({ name }) => name), ["a"]);
  assert.deepEqual(second.config.commands.map(({ name }) => name), ["a", "b"]);
  assert.deepEqual(second.config.pools.map(({ numWorkers }) => numWorkers), [7, 7]);
  assert.equal(second.config.log.level, "error");
});

Deno.test("a configuration reader lets a server keep values, whatever the file, the flags and the environment say", async () => {
  using set = setUp(`http_listen_port = 1\n${good}`, ["--http-listen-address=127.0.0.2"]);
  const fixed = new Map([
    ["JOBRUNNER_HTTP_LISTEN_PORT", "9"],
    ["JOBRUNNER_HTTP_LISTEN_ADDRESS", "::1"],
    ["JOBRUNNER_SPOOL_DIR", "/tmp"],
  ]);
  const result = await set.read(fixed);
  assert.ok(result.ok);
  const { http, spool } = result.config;
  assert.deepEqual([http.address, http.port, spool.parent], ["::1", 9, "/tmp"]);
});

Deno.test("a configuration reader refuses a file without a password for a server that keeps an open address", async () => {
  using set = setUp(`password = "hunter2"\n${good}`);
  const open = new Map([["JOBRUNNER_HTTP_LISTEN_ADDRESS", "0.0.0.0"]]);
  assert.ok((await set.read(open)).ok);
  set.write(good);
  assert.ok((await set.read()).ok);
  const result = await set.read(open);
  assert.ok(!result.ok);
  assert.match(
    result.errors.join(),
    /0\.0\.0\.0: must be on loopback while neither a password nor a token is set/,
  );
});

Deno.test("a configuration reader returns the digests of all files that it has read, also with errors", async () => {
  using set = setUp(`password_file = "PLACE/password"\nnum_workers = 0\n${good}`);
  const { folder, file, write, read } = set;
  const password = `${folder}/password`;
  Deno.writeTextFileSync(password, "hunter2\n");
  write(Deno.readTextFileSync(file).replace("PLACE", folder));
  const wrong = await read();
  assert.equal(wrong.ok, false);
  assert.deepEqual([...wrong.files], [[file, digestOf(file)], [password, digestOf(password)]]);
  assert.equal(new Set(wrong.files.values()).size, 2);
  Deno.removeSync(password);
  const missing = await read();
  assert.deepEqual([...missing.files], [[file, digestOf(file)], [password, ""]]);
  assert.equal(digestOf(password), "");
  Deno.removeSync(file);
  assert.deepEqual([...(await read()).files], [[file, ""]]);
});

Deno.test("a configuration reader reads the files of a shared queue once, and does not watch them", async () => {
  using set = setUp(`nats_url = "nats://h"\nnats_token_file = "PLACE/token"\n${good}`);
  const { folder, file, write, read } = set;
  write(Deno.readTextFileSync(file).replace("PLACE", folder));
  Deno.writeTextFileSync(`${folder}/token`, "hunter2\n");
  const first = await read();
  assert.ok(first.ok, JSON.stringify(first));
  assert.deepEqual(first.clusterSecrets, { credentials: { kind: "token", token: "hunter2" } });
  assert.deepEqual([...first.files.keys()], [file]);
  assert.equal(first.config.cluster?.nodeName, Deno.hostname());
  Deno.removeSync(`${folder}/token`);
  const second = await read();
  assert.ok(second.ok, JSON.stringify(second));
  assert.equal(second.clusterSecrets, undefined);
  assert.deepEqual(second.config.cluster, first.config.cluster);
});

Deno.test("a file that is too large has the same digest when it is read and when it is watched", async () => {
  using set = setUp(`password_file = "PLACE/password"\n${good}`);
  const { folder, file, write, read } = set;
  write(Deno.readTextFileSync(file).replace("PLACE", folder));
  Deno.writeTextFileSync(`${folder}/password`, "x".repeat(100_000));
  const result = await read();
  assert.equal(result.ok, false);
  for (const [path, digest] of result.files) assert.equal(digest, digestOf(path));
  assert.equal(result.files.size, 2);
  write("#".repeat(2 ** 20 + 1));
  const [[, digest] = []] = (await read()).files;
  assert.equal(digest, digestOf(file));
});

Deno.test("a file that may not be read has an empty digest", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/secret`;
  Deno.writeTextFileSync(path, "x", { mode: 0o000 });
  const [program = "", ...args] = [...boundByModes, Deno.execPath(), "eval"];
  const url = new URL("../../src/supervisor/config_reader.ts", import.meta.url);
  const { stdout, stderr } = await new Deno.Command(program, {
    args: [
      ...args,
      `import { digestOf } from "${url}"; console.log("[" + digestOf("${path}") + "]")`,
    ],
  }).output();
  const decoder = new TextDecoder();
  assert.equal(decoder.decode(stdout), "[]\n", decoder.decode(stderr));
});

Deno.test("a pipe can be read once; it counts as unchanged, and reading it again is an error that does not wait", async () => {
  using set = setUp(`password_file = "PLACE/pipe"\n${good}`);
  const { folder, file, write, read } = set;
  const pipe = `${folder}/pipe`;
  write(Deno.readTextFileSync(file).replace("PLACE", folder));
  assert.ok((await new Deno.Command("mkfifo", { args: [pipe] }).output()).success);
  const writer = new Deno.Command("sh", { args: ["-c", `echo hunter2 >${pipe}`] }).spawn();
  const first = await read();
  await writer.status;
  assert.ok(first.ok, JSON.stringify(first));
  assert.deepEqual([first.files.get(pipe), digestOf(pipe)], ["", ""]);
  const second = await read();
  assert.ok(!second.ok);
  assert.match(second.errors.join(), /pipe.*not a regular file, which alone can be read again/);
});

/** A file with all kinds of keys, as lines. */
const lines = [
  'default_command = "a"',
  "num_workers = 2",
  "request_timeout_sec = 30",
  "max_buffered_bytes = 1000000",
  'log_level = "info"',
  'access_log = "on"',
  "config_watch_sec = 5",
  "[commands.a]",
  'cmd = "/bin/sh -c true"',
  'description = "A"',
  'env = { A = "1" }',
  'inherit_env = ["PATH"]',
  'working_directory = "/"',
  "umask = 0o027",
  "nice = 3",
  "limit_cpu_sec = 3",
  "job_timeout_sec = 3",
  "[commands.b]",
  'cmd = "/bin/sh"',
  'pool = "p"',
  "[pools.p]",
  "num_workers = 1",
  "queue_limit = 3",
];

const value = fc.oneof(
  fc.constantFrom("true", "-1", "0", "1e999", "nan", '""', "[]", "{}", "1979-05-27", "'x'", "= ="),
  fc.integer().map(String),
  fc.string().map((text) => JSON.stringify(text)),
  fc.string(),
);

/** One line less, twice, with another value, with another key, or any text in its place. */
const mutation = fc.record({
  index: fc.nat(lines.length - 1),
  mutate: fc.oneof(
    fc.constantFrom(
      () => "",
      (line: string) => `${line}\n${line}`,
      (line: string) => `x${line}`,
      (line: string) => line.slice(0, -1),
      (line: string) => line.toUpperCase(),
    ),
    value.map((value) => (line: string) => `${line.split("=")[0]}= ${value}`),
    fc.string().map((text) => () => text),
  ),
});

Deno.test("property: whatever one key of a file is changed to, a reload takes all of it or changes nothing", async () => {
  using set = setUp(lines.join("\n"));
  const { read, write } = set;
  const first = await read();
  assert.ok(first.ok, JSON.stringify(first));
  let taken = 0;
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(mutation, async ({ index, mutate }) => {
      write(lines.map((line, at) => at === index ? mutate(line) : line).join("\n"));
      const asked: unknown[] = [];
      const errors: string[] = [];
      const reloading = createReloading(first.config, {
        read,
        folders: {
          renew: (config) => ({
            config,
            starts: [],
            spoolBytes: 1000,
            undo: () => assert.fail("nothing is undone"),
          }),
        },
        replace({ config }) {
          asked.push(config);
          return Promise.resolve({ ok: true });
        },
        watch: { watch() {} },
        notifier: { reloading() {}, ready() {} },
        log: {
          write(message, fields) {
            if (message === "configuration error") errors.push(String(fields?.["error"]));
          },
          configure() {},
          flush: () => Promise.resolve(),
        },
      });
      await reloading.reload("a test");
      const result = await read();
      if (result.ok) {
        taken++;
        assert.deepEqual(asked, [reloading.config]);
        assert.deepEqual(errors, []);
        assert.notEqual(reloading.config, first.config);
      } else {
        refused++;
        assert.deepEqual(asked, []);
        assert.equal(reloading.config, first.config);
        assert.equal(reloading.successful, false);
        assert.deepEqual(errors, result.errors);
        for (const error of errors) {
          assert.match(error, /jobrunner\.toml:\d+: |^JOBRUNNER_[A-Z_]+=.*: must /);
          assert.ok(!error.includes("a bug") && !/\n/.test(error), error);
        }
      }
    }),
    { numRuns: 300 },
  );
  assert.ok(taken > 0 && refused > 0, `${taken} taken, ${refused} refused`);
});
