/**
 * The real program on a unix socket.
 */

import assert from "node:assert/strict";
import { base64, get, post, postRaw } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { fixture, type ProgramOptions, runProgram, startProgram } from "../support/program.ts";
import { bearer, secretOf, tokenTable } from "../support/tokens.ts";

const shell = { JOBRUNNER_CMD: fixture("run_payload.sh"), JOBRUNNER_NUM_WORKERS: "1" };

/** Any host: it only becomes the Host header. */
const url = "http://a.host";

const at = (path: string) => ({ JOBRUNNER_HTTP_LISTEN_ADDRESS: `unix:${path}` });

/** A server on a socket in a folder of its own, and a client of it. */
async function start({ env = {}, ...options }: ProgramOptions = {}) {
  const folder = temporaryFolder();
  const path = `${folder.path}/http.sock`;
  const program = await startProgram({ ...options, env: { ...shell, ...at(path), ...env } });
  const client = Deno.createHttpClient({ proxy: { transport: "unix", path } });
  return {
    folder: folder.path,
    path,
    program,
    client,
    async [Symbol.asyncDispose]() {
      client.close();
      await program.stop();
      folder[Symbol.dispose]();
    },
  };
}

function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

const modeOf = (path: string) => (Number(Deno.lstatSync(path).mode) & 0o777).toString(8);

Deno.test("serve listens on a unix socket with its mode whatever the umask, and removes it when it stops", async () => {
  const through = ["sh", "-c", 'umask 0; exec "$@"', "sh"];
  for (const sandbox of ["on", "off"]) {
    await using server = await start({ through, env: { JOBRUNNER_SANDBOX: sandbox } });
    const { program, client, path, folder } = server;
    assert.equal(program.url, `unix:${path}`);
    assert.equal(modeOf(path), "660");
    assert.equal(modeOf(`${path}.new`), "700");
    assert.equal((await post(url, "echo here; umask", { client })).output, "here\n0000\n");
    assert.equal((await get(`${url}/status`, { client })).status, 200);
    assert.equal(await program.stop(), 0);
    assert.deepEqual(namesIn(folder), []);
  }
});

Deno.test("serve listens at a path relative to the working directory, with the mode of JOBRUNNER_SOCKET_MODE", async () => {
  using folder = temporaryFolder();
  const name = "a b,ü.sock";
  await using program = await startProgram({
    cwd: folder.path,
    env: { ...shell, JOBRUNNER_SOCKET_MODE: "600", ...at(name) },
  });
  const path = `${folder.path}/${name}`;
  assert.equal(modeOf(path), "600");
  using client = Deno.createHttpClient({ proxy: { transport: "unix", path } });
  assert.equal((await post(url, "echo here", { client })).output, "here\n");
  assert.equal(await program.stop(), 0);
});

Deno.test("serve takes the place of a server that was killed, and of no other", async () => {
  await using first = await start();
  const { path, folder } = first;
  const again = { env: { ...shell, JOBRUNNER_LOG_FORMAT: "text", ...at(path) } };
  const refused = await runProgram(again);
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    /ERROR cannot start reason="cannot listen on unix:\S+: it is in use: another server listens there, or starts to"/,
  );
  assert.equal((await post(url, "echo still here", first)).output, "still here\n");
  await first.program.stop("SIGKILL");
  assert.deepEqual(namesIn(folder), ["http.sock", "http.sock.new"]);
  await using second = await startProgram(again);
  assert.equal((await post(url, "echo here", first)).output, "here\n");
  await second.stop();
  Deno.writeTextFileSync(path, "mine");
  const noSocket = await runProgram(again);
  assert.equal(noSocket.code, 1);
  assert.match(noSocket.stderr, /cannot listen on unix:\S+: a file that is not a socket is there"/);
  assert.deepEqual(namesIn(folder), ["http.sock"]);
  assert.equal(Deno.readTextFileSync(path), "mine");
});

Deno.test("a service that is terminated leaves no socket behind", async () => {
  await using server = await start({ script: fixture("faulty_program.ts") });
  const { client, folder, program } = server;
  await assert.rejects(post(url, "sleep 1000", { client, id: "unknown" }));
  assert.equal(await program.exit, 1);
  assert.deepEqual(namesIn(folder), []);
});

Deno.test("every host and page may use a unix socket without a password, over HTTP/1 and HTTP/2", async () => {
  await using server = await start();
  const { path, client } = server;
  const headers = {
    "sec-fetch-site": "cross-site",
    "origin": "https://evil.example",
    "host": "evil.example",
  };
  assert.equal((await post(url, "exit 0", { client, headers })).status, 200);
  const body = JSON.stringify({ id: "a", data: base64("echo two") });
  const { code, stdout } = await new Deno.Command("curl", {
    args: [
      ...["-sf", "--http2-prior-knowledge", "--unix-socket", path, "-d", body],
      "http://evil.example/payload",
    ],
  }).output();
  assert.equal(code, 0);
  assert.match(new TextDecoder().decode(stdout), new RegExp(base64("two\n")));
});

Deno.test("a token's addresses and the log come from X-Forwarded-For if unix is a trusted proxy", async () => {
  using folder = temporaryFolder();
  const file = `${folder.path}/tokens.toml`;
  const secret = secretOf("a");
  Deno.writeTextFileSync(
    file,
    tokenTable("ci", secret, 'scopes = ["submit"]', 'addresses = ["203.0.113.0/24"]'),
  );
  const tokens = { JOBRUNNER_TOKENS_FILE: file };
  const forwarded = (address: string) => ({ ...bearer(secret), "x-forwarded-for": address });
  {
    await using server = await start({ env: { ...tokens, JOBRUNNER_TRUSTED_PROXIES: "unix" } });
    const { client, program } = server;
    const mine = await post(url, "exit 0", { client, headers: forwarded("203.0.113.7") });
    assert.equal(mine.status, 200);
    const other = await post(url, "exit 0", { client, headers: forwarded("198.51.100.1") });
    assert.equal(other.status, 403);
    await program.line("client.address=198.51.100.1");
    assert.equal((await post(url, "exit 0", { client, headers: bearer(secret) })).status, 403);
  }
  await using server = await start({ env: tokens });
  const { client, program } = server;
  await program.line("the token ci has addresses, and a unix socket shows none");
  const answer = await post(url, "exit 0", { client, headers: forwarded("203.0.113.7") });
  assert.equal(answer.status, 403);
  assert.match(answer.text, /an unknown address/);
  assert.ok(!program.log.join().includes("client.address"));
});

/** Runs curl with a job that waits for ever, and kills it when the job runs. */
async function leaveRunning(path: string, folder: string, ...args: string[]): Promise<void> {
  const started = `${folder}/started`;
  const job = { id: "left", data: base64(`touch ${started}; sleep 1000`) };
  // Longer than what the runtime reads together with the head.
  const body = JSON.stringify({ ...job, padding: "x".repeat(100_000) });
  Deno.writeTextFileSync(`${folder}/body`, body);
  const child = new Deno.Command("curl", {
    args: [...args, "-s", "--unix-socket", path, "-d", `@${folder}/body`, `${url}/payload`],
    stdout: "null",
  }).spawn();
  await fileExists(started);
  child.kill("SIGKILL");
  await child.status;
}

Deno.test("a job whose client leaves a unix socket is killed over HTTP/2, and with live events", async () => {
  for (const how of [["--http2-prior-knowledge"], ["-H", "Accept: text/event-stream"]]) {
    await using server = await start();
    const { path, folder, program, client } = server;
    await leaveRunning(path, folder, ...how);
    await program.line("outcome=canceled");
    assert.equal((await post(url, "echo next", { client })).output, "next\n");
  }
});

Deno.test("a job that came together with its head is killed when its client leaves a unix socket", async () => {
  await using server = await start();
  const { path, folder, program } = server;
  const started = `${folder}/started`;
  const job = JSON.stringify({ id: "a", data: base64(`touch ${started}; sleep 9`) });
  const head = `POST /payload HTTP/1.1\r\nHost: a\r\nContent-Length: ${job.length}\r\n\r\n`;
  const connection = await Deno.connect({ transport: "unix", path });
  await connection.write(new TextEncoder().encode(head + job));
  await fileExists(started);
  connection.close();
  await program.line("outcome=canceled");
});

Deno.test("send posts to a unix socket, and says what is wrong with one", async () => {
  await using server = await start();
  const { path, folder } = server;
  const send = (to: string, ...more: string[]) =>
    runProgram({
      args: ["send", "--url", `unix:${to}`, ...more, "-"],
      stdin: new TextEncoder().encode("echo sent; exit 3"),
      cwd: folder,
    });
  for (const to of [path, "http.sock"]) {
    for (const how of [[], ["--json"], ["--follow"]]) {
      const { code, stdout } = await send(to, ...how);
      assert.deepEqual([code, stdout], [3, "sent\n"], `${to} ${how}`);
    }
  }
  const missing = await send("none.sock");
  assert.equal(missing.code, 69);
  assert.equal(
    missing.stderr,
    "jobrunner send: unix:none.sock: no answer: No such file or directory (os error 2)\n",
  );
  await server.program.stop();
  assert.equal((await send(path)).code, 69);
});

Deno.test("send --retry waits for a unix socket that comes later", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/http.sock`;
  const sent = runProgram({
    args: ["send", "--url", `unix:${path}`, "--retry", "1000", "-"],
    stdin: new TextEncoder().encode("echo sent"),
  });
  await using _program = await startProgram({ env: { ...shell, ...at(path) } });
  assert.equal((await sent).stdout, "sent\n");
});

Deno.test("serve --check shows what the service may do with a unix socket, and opens none", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/http.sock`;
  const { code, stdout } = await runProgram({
    args: ["serve", "--check"],
    env: { ...shell, ...at(path) },
  });
  assert.equal(code, 0, stdout);
  assert.match(stdout, /^probe: opening the socket: allowed$/m);
  assert.match(stdout, /^probe: opening another socket: refused$/m);
  assert.deepEqual(namesIn(folder.path), []);
});

Deno.test("a reload keeps the unix socket, and says that another address needs a restart", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/http.sock`;
  const file = `${folder.path}/jobrunner.toml`;
  const configure = (address: string, mode: string) =>
    Deno.writeTextFileSync(
      file,
      `cmd = "${
        fixture("run_payload.sh")
      }"\nhttp_listen_address = "${address}"\nsocket_mode = "${mode}"\n`,
    );
  configure(`unix:${path}`, "0600");
  await using program = await startProgram({ env: { JOBRUNNER_CONFIG_FILE: file } });
  configure("127.0.0.1", "0666");
  Deno.kill(program.pid, "SIGHUP");
  await program.line("a changed setting needs a restart setting=JOBRUNNER_HTTP_LISTEN_ADDRESS");
  await program.line("configuration reloaded");
  configure(`unix:${path}`, "0666");
  Deno.kill(program.pid, "SIGHUP");
  await program.line("a changed setting needs a restart setting=JOBRUNNER_SOCKET_MODE");
  using client = Deno.createHttpClient({ proxy: { transport: "unix", path } });
  const body = JSON.stringify({ id: "a", data: base64("echo here") });
  assert.equal((await postRaw(url, body, { client, command: "default" })).output, "here\n");
  assert.equal(modeOf(path), "600");
});
