/**
 * `send` of the real program against servers that disconnect, refuse, redirect, or have a certificate it does not trust.
 */

import assert from "node:assert/strict";
import { statusOf } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { freePort } from "../support/port.ts";
import { boundByModes } from "../support/powers.ts";
import { type Exit, fixture, runProgram, startProgram } from "../support/program.ts";
import { readBytes, readRequest, startRawServer, writeAnswer } from "../support/raw_server.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const result = '{"data":"","exit_status":0,"output":"","error":""}';

function send(url: string, ...more: string[]): Promise<Exit> {
  return runProgram({
    args: ["send", "--url", url, "-", ...more],
    env: { JOBRUNNER_PASSWORD: "hunter2" },
    stdin: encode("echo done"),
  });
}

function hasOneLine({ code, stdout, stderr }: Exit, exit: number, sentence: RegExp): void {
  assert.deepEqual([code, stdout], [exit, ""], stderr);
  assert.match(stderr, /^jobrunner send: [^\n]+\n$/);
  assert.match(stderr, sentence);
  assert.doesNotMatch(stderr, /hunter2/);
}

Deno.test("send reports how far a lost connection got, and does not post again", async () => {
  using folder = temporaryFolder();
  Deno.writeFileSync(`${folder.path}/large`, new Uint8Array(20_000_000));
  {
    await using server = startRawServer(readRequest);
    const lost = await send(server.url, "--retry", "3");
    hasOneLine(lost, 69, /no answer: .*, after the whole request was sent: the job may have run$/m);
    assert.equal(server.connections, 1);
  }
  {
    await using server = startRawServer((connection) => readBytes(connection, 1000));
    const args = ["send", "--url", server.url, "--retry", "3", `${folder.path}/large`];
    hasOneLine(
      await runProgram({ args }),
      69,
      /no answer: .*, after at most \d+ of 20000000 bytes/,
    );
    assert.equal(server.connections, 1);
  }
  {
    await using server = startRawServer(async (connection) => {
      await readRequest(connection);
      await writeAnswer(connection, 200, { body: result, length: 1000 });
    });
    hasOneLine(
      await send(server.url, "--retry", "3"),
      69,
      /the job may have run, and its result is lost/,
    );
    assert.equal(server.connections, 1);
  }
});

Deno.test("send --retry retries after 429 and 503, but not if the job may have run", async () => {
  for (const status of [429, 503]) {
    await using server = startRawServer(async (connection, number) => {
      await readRequest(connection);
      if (number > 2) return await writeAnswer(connection, 200, { body: result });
      await writeAnswer(connection, status, { headers: { "retry-after": "1" } });
      // A connection that was kept open could be dead at the next try.
      await readBytes(connection, 1);
    });
    assert.deepEqual(await send(server.url, "--retry", "2"), { code: 0, stdout: "", stderr: "" });
    assert.equal(server.connections, 3);
  }
  for (const status of [502, 504]) {
    await using server = startRawServer(async (connection) => {
      await readRequest(connection);
      await writeAnswer(connection, status, { body: "Bad Gateway" });
    });
    const failed = await send(server.url, "--retry", "2");
    hasOneLine(failed, 70, new RegExp(`${status}: Bad Gateway \\(the job may have run\\)$`, "m"));
    assert.equal(server.connections, 1);
  }
});

Deno.test("send --retry retries until the server listens", async () => {
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  hasOneLine(await send(url), 69, /no answer: tcp connect error: Connection refused/);
  const patient = send(url, "--retry", "1000");
  await using program = await startProgram({
    env: {
      JOBRUNNER_CMD: fixture("run_payload.sh"),
      JOBRUNNER_PASSWORD: "hunter2",
      JOBRUNNER_HTTP_LISTEN_PORT: String(port),
    },
  });
  assert.deepEqual(await patient, { code: 0, stdout: "done\n", stderr: "" });
  assert.equal((await statusOf(program.url)).total_jobs, 1);
});

Deno.test("send escapes control characters in a server's text", async () => {
  const orders = "\x1b]0;owned\x07\x1b[2J\r\x9b31m\x7f";
  await using server = startRawServer(async (connection, number) => {
    await readRequest(connection);
    if (number === 1) {
      await writeAnswer(connection, 400, { body: `${orders}\xe2\x80\xaeend hunter2` });
    } else await writeAnswer(connection, 302, { headers: { location: `/\x9b31m` } });
  });
  const refused = await send(server.url);
  hasOneLine(refused, 65, /400: \\u001b\]0;owned\\u0007\\u001b\[2J\\r.*\\u202eend \*\*\*$/m);
  const redirected = await send(server.url);
  hasOneLine(redirected, 76, /it redirects to http:/);
  for (const { stderr } of [refused, redirected]) {
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(stderr.trimEnd(), /[\x00-\x1f\x7f-\x9f\u202e]/);
  }
});

Deno.test("send --cacert names the authority to trust; send explains a CA's certificate used by a server", async () => {
  using folder = temporaryFolder();
  await using program = await startProgram({
    env: {
      JOBRUNNER_CMD: fixture("run_payload.sh"),
      JOBRUNNER_TLS_CERT_FILE: fixture("tls/cert.pem"),
      JOBRUNNER_TLS_KEY_FILE: fixture("tls/key.pem"),
    },
  });
  const url = program.url.replace("127.0.0.1", "localhost");
  const ca = fixture("tls/ca.pem");
  hasOneLine(await send(url, "--retry", "3"), 69, /UnknownIssuer; --cacert FILE names a cert/);
  const trusting = await send(url, "--cacert", ca);
  assert.deepEqual(trusting, { code: 0, stdout: "done\n", stderr: "" });

  await using other = Deno.serve(
    {
      hostname: "127.0.0.1",
      port: 0,
      cert: Deno.readTextFileSync(fixture("tls/self_signed.pem")),
      key: Deno.readTextFileSync(fixture("tls/self_signed_key.pem")),
      onListen() {},
    },
    () => new Response(),
  );
  hasOneLine(
    await send(`https://localhost:${other.addr.port}`, "--cacert", fixture("tls/self_signed.pem")),
    69,
    /CaUsedAsEndEntity.*basicConstraints=critical,CA:FALSE/,
  );

  const broken = `${folder.path}/broken.pem`;
  Deno.writeTextFileSync(broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  const cases: [string, RegExp][] = [
    [`${folder.path}/missing`, /missing: must be a PEM file with certificates: No such file/],
    [folder.path, /must be a PEM file with certificates: Is a directory/],
    [fixture("tls/key.pem"), /key.pem: must be a PEM file .*: it holds no certificate$/m],
    [broken, /broken.pem: must be a PEM file with certificates: invalid peer certificate/],
  ];
  for (const [file, sentence] of cases) hasOneLine(await send(url, "--cacert", file), 66, sentence);
});

Deno.test("send reports in one line an input that cannot be opened, at the first or a later try", async () => {
  using folder = temporaryFolder();
  const input = `${folder.path}/input`;
  Deno.writeTextFileSync(input, "text", { mode: 0o200 });
  await using server = startRawServer(async (connection) => {
    await readRequest(connection);
    Deno.removeSync(input);
    await writeAnswer(connection, 503, { headers: { "retry-after": "1" } });
  });
  const args = ["send", "--url", server.url, "--retry", "1", input];
  const refused = await runProgram({ args, through: boundByModes });
  hasOneLine(refused, 66, /input: cannot be read: Permission denied/);
  assert.equal(server.connections, 0);
  Deno.chmodSync(input, 0o600);
  hasOneLine(await runProgram({ args }), 66, /input: cannot be read: No such file/);
  assert.equal(server.connections, 1);
});
