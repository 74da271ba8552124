/**
 * A reload of a configuration with a fault changes nothing; what needs a restart stays as it is.
 */

import assert from "node:assert/strict";
import { get, scrape, statusOf } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { boundByModes } from "../support/powers.ts";
import { childrenOf } from "../support/processes.ts";
import { commandTable, isReloaded, launchersIn, showToken, withFile } from "../support/reload.ts";

const good = commandTable("a", "good");

const success = "jobrunner_config_last_reload_successful";

/** Files with a fault, and a line of the log about it. */
const faults: readonly (readonly [what: string, toml: string, error: RegExp])[] = [
  ["no TOML", `${good}= =\n`, /jobrunner\.toml:4: must be valid TOML/],
  ["an unfinished table", `${good}[commands.b`, /jobrunner\.toml:4: must be valid TOML/],
  ["a value of the wrong type", `num_workers = "two"\n${good}`, /jobrunner\.toml:1: num_workers/],
  ["a number out of range", `${good}num_workers = 0\n`, /jobrunner\.toml:4: commands\.a\.num_wor/],
  ["an unknown key", `${good}worker = 1\n`, /jobrunner\.toml:4: commands\.a\.worker/],
  ["an unknown table", `${good}[command.b]\n`, /jobrunner\.toml:4: command/],
  ["a missing folder", `${good}working_directory = "/none"\n`, /jobrunner\.toml:4: .*working_dir/],
  ["a command without a program", "[commands.a]\n", /jobrunner\.toml:1: commands\.a\.cmd: must be/],
  [
    "a default without a command",
    `default_command = "b"\n${good}`,
    /:1: default_command.*none of this name/,
  ],
  ["an empty pool", `${good}[pools.p]\n`, /jobrunner\.toml:4: pools\.p/],
  ["no commands", "", /a table \[commands\.NAME\]/],
  [
    "a missing password file",
    `password_file = "/none"\n${good}`,
    /:1: password_file.*No such file/,
  ],
  [
    "a certificate without a key",
    `tls_cert_file = "/etc/passwd"\n${good}`,
    /TLS_KEY_FILE=: must be set when/,
  ],
  [
    "another address without a password",
    `http_listen_address = "0.0.0.0"\n${good}`,
    /http_listen_address.*on loopback while neither a password/,
  ],
];

Deno.test("a reload with any fault changes nothing, and the log says where; a good file is then taken", async () => {
  await withFile(good, async ({ url, program, file, spool, reload, outcomeOf, run }) => {
    const before = launchersIn(spool);
    const isServing = async (successful: number) => {
      assert.equal((await run("a", showToken)).output, "good good\n");
      assert.deepEqual(launchersIn(spool), before);
      assert.equal((await scrape(url)).get(success), successful);
      assert.equal((await get(`${url}/readyz`)).status, 200);
    };
    await isServing(1);
    for (const [what, toml, error] of faults) {
      const lines = await reload(toml);
      assert.ok(!isReloaded(lines), what);
      const errors = lines.filter((line) => line.includes("configuration error"));
      assert.match(errors.join("\n"), error, what);
      assert.equal(errors.length, lines.length - 1, lines.join("\n"));
    }
    await isServing(0);
    const several = await reload(`num_workers = 0\n${good}worker = 1\n`);
    assert.equal(several.filter((line) => line.includes("configuration error")).length, 2);
    Deno.removeSync(file);
    assert.match((await reload()).join("\n"), /CONFIG_FILE=.*No such file/);
    Deno.mkdirSync(file);
    assert.ok(!isReloaded(await outcomeOf(() => Deno.kill(program.pid, "SIGHUP"))));
    Deno.removeSync(file);
    await isServing(0);
    assert.ok(isReloaded(await reload(good)));
    await isServing(1);
  });
});

Deno.test("a file that may no longer be read is a fault", async () => {
  await withFile(good, async ({ file, reload, run }) => {
    Deno.chmodSync(file, 0o000);
    assert.match((await reload()).join("\n"), /CONFIG_FILE=.*[Pp]ermission denied/);
    assert.equal((await run("a", showToken)).output, "good good\n");
    Deno.chmodSync(file, 0o600);
    assert.ok(isReloaded(await reload()));
  }, { through: boundByModes });
});

Deno.test("a program that cannot be started is no fault of the file: the reload takes it, and its jobs say so", async () => {
  await withFile(good, async ({ reload, run }) => {
    const lines = await reload(`${good}[commands.b]\ncmd = "/none"\n`);
    assert.ok(isReloaded(lines), lines.join("\n"));
    assert.match(lines.join("\n"), /configuration warning.*\/none/);
    assert.equal((await run("a", showToken)).output, "good good\n");
    assert.equal((await run("b", "x")).json["ending"], "not_started");
  });
});

Deno.test("address, port, sandbox and spool need a restart: each is logged, and the rest is applied", async () => {
  using other = temporaryFolder();
  const head = [
    'http_listen_address = "127.0.0.2"',
    "http_listen_port = 9",
    'sandbox = "off"',
    `spool_dir = "${other.path}"`,
    "",
  ].join("\n");
  // In the environment they would win over the file.
  const env = { JOBRUNNER_HTTP_LISTEN_PORT: "", JOBRUNNER_SPOOL_DIR: "" };
  using folder = temporaryFolder();
  const first = `http_listen_port = 0\nspool_dir = "${folder.path}"\n${good}`;
  await withFile(first, async ({ url, program, reload, run }) => {
    const lines = await reload(head + commandTable("a", "new"));
    const settings = lines.flatMap((line) =>
      /a changed setting needs a restart.* setting=(\S+)/.exec(line)?.[1] ?? []
    );
    assert.deepEqual(settings.sort(), [
      "JOBRUNNER_HTTP_LISTEN_ADDRESS",
      "JOBRUNNER_HTTP_LISTEN_PORT",
      "JOBRUNNER_SANDBOX",
      "JOBRUNNER_SPOOL_DIR",
    ]);
    assert.ok(isReloaded(lines), lines.join("\n"));
    assert.equal((await run("a", showToken)).output, "new new\n");
    assert.deepEqual([...Deno.readDirSync(other.path)], []);
    assert.equal((await statusOf(url)).total_jobs, 1);
    assert.deepEqual(childrenOf(program.pid), []);
    assert.equal(launchersIn(folder.path).length, 1);
  }, { env });
});

Deno.test("a password that was read from a pipe cannot be read again: a reload is an error and does not wait", async () => {
  await withFile(good, async ({ run, reload, program }) => {
    const lines = await reload(good);
    assert.match(
      lines.join("\n"),
      /JOBRUNNER_PASSWORD_FILE=\/dev\/fd\/\d+: .*not a regular file, which alone can be read again/,
    );
    assert.equal((await run("a", showToken)).status, 401);
    assert.equal(program.log.filter((line) => line.includes("not reloaded")).length, 1);
  }, {
    through: ["bash", "-c", 'JOBRUNNER_PASSWORD_FILE=/dev/fd/9 exec "$0" "$@" 9< <(echo hunter2)'],
  });
});
