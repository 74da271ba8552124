/**
 * Reloads without a signal: JOBRUNNER_CONFIG_WATCH_SEC.
 */

import assert from "node:assert/strict";
import { post, scrape } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { freePort } from "../support/port.ts";
import { fixture } from "../support/program.ts";
import { commandTable, isReloaded, showToken, withFile } from "../support/reload.ts";

const watching = "config_watch_sec = 0.02\n";

function isByItself(lines: readonly string[]): boolean {
  return isReloaded(lines) && (lines.at(-1) ?? "").includes('cause="its files have changed"');
}

Deno.test("a replaced configuration file is noticed; with a fault it is read once, and again when it is corrected", async () => {
  await withFile(watching + commandTable("a", "1"), async ({ program, write, outcomeOf, run }) => {
    for (const token of ["2", "3"]) {
      const lines = await outcomeOf(() => write(watching + commandTable("a", token)));
      assert.ok(isByItself(lines), lines.join("\n"));
      assert.equal((await run("a", showToken)).output, `${token} ${token}\n`);
    }
    assert.ok(!isReloaded(await outcomeOf(() => write("wrong"))));
    const lines = await outcomeOf(() => write(watching + commandTable("a", "4")));
    assert.ok(isByItself(lines), lines.join("\n"));
    assert.equal(program.log.filter((line) => line.includes("configuration error")).length, 1);
    assert.equal((await run("a", showToken)).output, "4 4\n");
  });
});

Deno.test("a ConfigMap is noticed when Kubernetes swaps the link to its folder", async () => {
  using volume = temporaryFolder();
  const { path } = volume;
  const publish = (token: string) => {
    Deno.mkdirSync(`${path}/..${token}`);
    Deno.writeTextFileSync(`${path}/..${token}/c.toml`, watching + commandTable("a", token));
    Deno.symlinkSync(`..${token}`, `${path}/..data_tmp`);
    Deno.renameSync(`${path}/..data_tmp`, `${path}/..data`);
  };
  publish("1");
  Deno.symlinkSync("..data/c.toml", `${path}/c.toml`);
  await withFile("", async ({ outcomeOf, run }) => {
    const lines = await outcomeOf(() => publish("2"));
    assert.ok(isByItself(lines), lines.join("\n"));
    Deno.removeSync(`${path}/..1`, { recursive: true });
    assert.equal((await run("a", showToken)).output, "2 2\n");
    assert.ok(isByItself(await outcomeOf(() => publish("3"))));
    assert.equal((await run("a", showToken)).output, "3 3\n");
  }, { env: { JOBRUNNER_CONFIG_FILE: `${path}/c.toml` } });
});

Deno.test("changed password and certificate files are noticed", async () => {
  using secrets = temporaryFolder();
  const { path } = secrets;
  const copy = (from: string, to: string) =>
    Deno.copyFileSync(fixture(`tls/${from}.pem`), `${path}/${to}.pem`);
  copy("cert", "cert");
  copy("key", "key");
  Deno.writeTextFileSync(`${path}/password`, "old");
  const head = [
    `password_file = "${path}/password"`,
    `tls_cert_file = "${path}/cert.pem"`,
    `tls_key_file = "${path}/key.pem"`,
    "",
  ].join("\n");
  const env = { JOBRUNNER_HTTP_LISTEN_PORT: String(freePort()) };
  await withFile(head + watching + commandTable("a", "a"), async ({ url, outcomeOf }) => {
    using client = Deno.createHttpClient({
      caCerts: [Deno.readTextFileSync(fixture("tls/ca.pem"))],
    });
    const statusWith = async (password: string) => {
      const headers = { "X-JR-PASSWORD": password };
      const address = url.replace("127.0.0.1", "localhost");
      return (await post(address, showToken, { command: "a", headers, client })).status;
    };
    const password = () => Deno.writeTextFileSync(`${path}/password`, "new");
    assert.ok(isByItself(await outcomeOf(password)));
    assert.deepEqual([await statusWith("old"), await statusWith("new")], [401, 200]);
    const wrong = await outcomeOf(() => copy("self_signed", "cert"));
    assert.match(wrong.join("\n"), /the key is not the certificate's/);
    assert.equal(await statusWith("new"), 200);
    assert.ok(isByItself(await outcomeOf(() => copy("self_signed_key", "key"))));
  }, { env });
});

Deno.test("a file that a faulty configuration lacks is noticed when it comes, although the configuration stays", async () => {
  const a = commandTable("a", "a");
  await withFile(watching + a, async ({ url, folder, write, outcomeOf, run }) => {
    const secret = `${folder}/secret`;
    const named = `password_file = "${secret}"\n${watching}${a}`;
    assert.ok(!isReloaded(await outcomeOf(() => write(named))));
    assert.equal((await run("a", showToken)).status, 200);
    assert.equal((await scrape(url)).get("jobrunner_config_last_reload_successful"), 0);
    const lines = await outcomeOf(() => Deno.writeTextFileSync(secret, "hunter2"));
    assert.ok(isByItself(lines), lines.join("\n"));
    assert.equal((await run("a", showToken)).status, 401);
    assert.equal((await scrape(url)).get("jobrunner_config_last_reload_successful"), 1);
  });
});

Deno.test("a watch that a reload turns off stays off, and can be turned on again", async () => {
  const a = (token: string) => commandTable("a", token);
  await withFile(watching + a("1"), async ({ program, write, outcomeOf, reload, run }) => {
    assert.ok(isByItself(await outcomeOf(() => write(a("2")))));
    write(a("3"));
    // Many looks would have been made meanwhile.
    assert.equal((await run("a", `sleep 0.5; ${showToken}`)).output, "2 2\n");
    assert.equal(program.log.filter((line) => line.includes("reloaded")).length, 1);
    const lines = await reload(watching + a("4"));
    assert.match(lines.at(-1) ?? "", /configuration reloaded cause=SIGHUP/);
    assert.ok(isByItself(await outcomeOf(() => write(watching + a("5")))));
    assert.equal((await run("a", showToken)).output, "5 5\n");
  });
});
