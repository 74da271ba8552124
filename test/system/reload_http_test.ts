/**
 * A reload of what is not a command: certificate, password, log and limits of HTTP.
 */

import assert from "node:assert/strict";
import { base64, headOf, post, postRaw, say, statusOf } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { freePort } from "../support/port.ts";
import { eventually } from "../support/processes.ts";
import { fixture } from "../support/program.ts";
import { commandTable, held, isReloaded, showToken, withFile } from "../support/reload.ts";

const a = commandTable("a", "a");

/** Puts certificate and key of a fixture where the file names them. */
function putPair(folder: string, cert: string, key: string): void {
  Deno.copyFileSync(fixture(`tls/${cert}.pem`), `${folder}/cert.pem`);
  Deno.copyFileSync(fixture(`tls/${key}.pem`), `${folder}/key.pem`);
}

function tlsLines(folder: string): string {
  return `tls_cert_file = "${folder}/cert.pem"\ntls_key_file = "${folder}/key.pem"\n`;
}

const trusting = () =>
  Deno.createHttpClient({ caCerts: [Deno.readTextFileSync(fixture("tls/ca.pem"))] });

/**
 * Whether a new connection gets the certificate of the authority, and not the other one, which every client refuses; undefined
 * while nobody listens.
 */
async function isTrusted({ port }: URL): Promise<boolean | undefined> {
  const caCerts = [Deno.readTextFileSync(fixture("tls/ca.pem"))];
  try {
    const connection = await Deno.connectTls({
      hostname: "localhost",
      port: Number(port),
      caCerts,
    });
    using _ = connection;
    await connection.handshake();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return undefined;
    assert.match(String(error), /certificate/);
    return false;
  }
}

Deno.test("a reload gives new connections the new certificate; a request in flight is answered", async () => {
  using pair = temporaryFolder();
  putPair(pair.path, "cert", "key");
  // Only a port that is configured can be opened again.
  const env = { JOBRUNNER_HTTP_LISTEN_PORT: String(freePort()) };
  await withFile(tlsLines(pair.path) + a, async ({ url: address, folder, program, reload }) => {
    const server = new URL(address);
    const url = `https://localhost:${server.port}`;
    assert.equal(await isTrusted(server), true);
    using client = trusting();
    const running = held(folder, "running");
    const answer = post(url, running.script, { command: "a", client });
    await fileExists(running.started);
    putPair(pair.path, "self_signed", "key");
    const lines = (await reload()).join("\n");
    assert.match(lines, /the TLS certificate cannot be used: the key is not the certificate's/);
    assert.match(lines, /not reloaded/);
    assert.equal(await isTrusted(server), true);
    putPair(pair.path, "self_signed", "self_signed_key");
    assert.ok(isReloaded(await reload()));
    await eventually("new connections get it", async () => await isTrusted(server) === false);
    running.release();
    assert.equal((await answer).output, "a a\n");
    putPair(pair.path, "cert", "key");
    assert.ok(isReloaded(await reload()));
    await eventually("the first one is back", async () => await isTrusted(server) === true);
    using another = trusting();
    assert.equal((await post(url, showToken, { command: "a", client: another })).output, "a a\n");
    assert.match(
      (await reload(a)).join("\n"),
      /HTTPS cannot be turned on or off without a restart/,
    );
    assert.equal(await isTrusted(server), true);
    assert.equal(program.log.filter((line) => line.includes("could not be accepted")).length, 0);
  }, { env });
});

Deno.test("HTTPS cannot be turned on: the reload is an error, and HTTP is served on", async () => {
  using pair = temporaryFolder();
  putPair(pair.path, "cert", "key");
  await withFile(a, async ({ run, reload }) => {
    const lines = await reload(tlsLines(pair.path) + a);
    assert.match(lines.join("\n"), /HTTPS cannot be turned on or off without a restart/);
    assert.equal((await run("a", showToken)).output, "a a\n");
  });
});

Deno.test("a reload replaces the password; a running job's client is not asked for it again", async () => {
  using secret = temporaryFolder();
  const path = `${secret.path}/password`;
  const protect = `password_file = "${path}"\n`;
  Deno.writeTextFileSync(path, "old\n");
  await withFile(protect + a, async ({ url, folder, reload, run }) => {
    const tryWith = async (password: string) => {
      const headers = { "X-JR-PASSWORD": password };
      return (await post(url, showToken, { command: "a", headers })).status;
    };
    assert.deepEqual([await tryWith("old"), await tryWith("new")], [200, 401]);
    const running = held(folder, "running");
    const headers = { "X-JR-PASSWORD": "old" };
    const answer = post(url, running.script, { command: "a", headers });
    await fileExists(running.started);
    Deno.writeTextFileSync(path, "new\n");
    assert.ok(isReloaded(await reload()));
    assert.deepEqual([await tryWith("old"), await tryWith("new")], [401, 200]);
    running.release();
    assert.equal((await answer).output, "a a\n");
    Deno.writeTextFileSync(path, "");
    assert.match((await reload()).join("\n"), /jobrunner\.toml:1: password_file/);
    assert.equal(await tryWith("new"), 200);
    assert.ok(isReloaded(await reload(a)));
    assert.equal((await run("a", showToken)).status, 200);
  });
});

Deno.test("level and format of the log and the access log change with a reload, in both isolates", async () => {
  const env = { JOBRUNNER_LOG_FORMAT: "", JOBRUNNER_LOG_LEVEL: "" };
  const head = 'log_format = "json"\nlog_level = "debug"\naccess_log = "on"\n';
  await withFile(`log_format = "text"\n${a}`, async ({ program, run, reload }) => {
    await run("a", showToken);
    await program.line(" INFO job ended");
    assert.ok(!program.log.some((line) => /job started|request answered/.test(line)));
    const lines = await reload(head + a);
    assert.equal(JSON.parse(lines.at(-1) ?? "")["body"], "configuration reloaded");
    await run("a", showToken);
    for (const message of ["job started", "request answered"]) {
      assert.equal(JSON.parse(await program.line(message))["body"], message);
    }
    const again = await reload(`log_format = "text"\nlog_level = "info"\n${a}`);
    assert.match(again.at(-1) ?? "", / INFO configuration reloaded/);
    const before = program.log.length;
    await run("a", showToken);
    await eventually("it is logged", () => program.log.slice(before).length > 0);
    assert.match(program.log[before] ?? "", / INFO job ended/);
  }, { env });
});

Deno.test("limits of requests change with a reload, for requests that come after it", async () => {
  const limits = "request_timeout_sec = 600\n";
  await withFile(limits + a, async ({ url, reload, run }) => {
    const body = JSON.stringify({ id: "x", data: base64(showToken) });
    const head = headOf(body.length).replace("/payload", "/payload/a");
    using patient = await say(url, head + body.slice(0, 5));
    await eventually("it arrives", async () => (await statusOf(url)).buffered_bytes > 0);
    assert.ok(
      isReloaded(await reload(`request_timeout_sec = 0.1\nmax_buffered_bytes = 2000\n${a}`)),
    );
    const big = JSON.stringify({ id: "x", data: base64("x".repeat(5000)) });
    assert.equal((await postRaw(url, big, { command: "a" })).status, 413);
    using short = await say(url, head + body.slice(0, 5));
    const buffer = new Uint8Array(65536);
    const read = async (connection: Deno.TcpConn) =>
      new TextDecoder().decode(buffer.subarray(0, await connection.read(buffer) ?? 0));
    assert.match(await read(short), /^HTTP\/1\.1 408 /);
    await patient.write(new TextEncoder().encode(body.slice(5)));
    assert.match(await read(patient), /^HTTP\/1\.1 200 /);
    assert.ok(isReloaded(await reload(limits + a)));
    assert.equal((await postRaw(url, big, { command: "a" })).status, 200);
    assert.equal((await run("a", showToken)).status, 200);
  });
});
