import assert from "node:assert/strict";
import { get, post, postRaw, statusOf } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { fixture, projectRoot, runProgram, startProgram } from "../support/program.ts";

const shell = { JOBRUNNER_CMD: fixture("run_payload.sh") };

Deno.test("--help lists every setting, --version names the version", async () => {
  const help = await runProgram({ args: ["--help"] });
  assert.equal(help.code, 0);
  assert.match(help.stdout, /JOBRUNNER_QUEUE_LIMIT {2}--queue-limit N/);
  assert.deepEqual(await runProgram({ args: ["serve", "--help"] }), help);
  const { version } = JSON.parse(Deno.readTextFileSync(`${projectRoot}deno.json`));
  const { code, stdout } = await runProgram({ args: ["--version"] });
  assert.equal(code, 0);
  assert.ok(stdout.startsWith(`jobrunner ${version} (Deno `), stdout);
  await using program = await startProgram({ env: shell });
  assert.equal((await get(`${program.url}/version`)).text, `{"version":"${version}"}\n`);
});

Deno.test("an unknown subcommand exits with 2 and lists the known ones", async () => {
  const { code, stderr } = await runProgram({ args: ["dance"] });
  assert.equal(code, 2);
  assert.equal(
    stderr,
    "dance: must be a subcommand (serve, send, token, wait-file, help or version): see jobrunner --help\n",
  );
});

Deno.test("JOBRUNNER_HTTP_LISTEN_ADDRESS=::1 listens on IPv6, with brackets in the logged URL", async () => {
  await using program = await startProgram({
    env: { ...shell, JOBRUNNER_HTTP_LISTEN_ADDRESS: "::1" },
  });
  assert.match(program.url, /^http:\/\/\[::1\]:[1-9]\d*$/);
  assert.equal((await post(program.url, "echo six")).output, "six\n");
});

Deno.test("JOBRUNNER_HTTP_LISTEN_ADDRESS may be a name inside the sandbox", async () => {
  await using program = await startProgram({
    env: { ...shell, JOBRUNNER_HTTP_LISTEN_ADDRESS: "localhost" },
  });
  assert.equal((await post(program.url, "echo named")).output, "named\n");
});

Deno.test("serve exits with 1 and names an address that this machine does not have", async () => {
  const { code, stderr } = await runProgram({
    env: {
      ...shell,
      JOBRUNNER_HTTP_LISTEN_ADDRESS: "192.0.2.1",
      JOBRUNNER_HTTP_LISTEN_PORT: "0",
      JOBRUNNER_PASSWORD: "x",
    },
  });
  assert.equal(code, 1);
  assert.ok(stderr.includes("cannot listen on 192.0.2.1:0: "), stderr);
});

Deno.test("serve exits with 2 beyond loopback without a password, and names the ways out", async () => {
  for (const address of ["0.0.0.0", "::", "127.example.com"]) {
    const { code, stderr } = await runProgram({
      env: { ...shell, JOBRUNNER_HTTP_LISTEN_ADDRESS: address },
    });
    assert.equal(code, 2);
    assert.match(stderr, /^[^\n]+: must be on loopback [^\n]+\n$/);
    for (const way of ["JOBRUNNER_PASSWORD_FILE", "127.0.0.1", "JOBRUNNER_ALLOW_OPEN=on"]) {
      assert.ok(stderr.includes(way), way);
    }
  }
});

Deno.test("DENO_SERVE_ADDRESS, which the runtime would listen on instead, prevents the start", async () => {
  const { code, stderr } = await runProgram({
    env: { ...shell, DENO_SERVE_ADDRESS: "tcp:127.0.0.1:0" },
  });
  assert.equal(code, 2);
  assert.match(stderr, /^DENO_SERVE_ADDRESS: must be unset: /m);
});

Deno.test("JOBRUNNER_ALLOW_OPEN=on beyond loopback without a password causes a warning", async () => {
  await using program = await startProgram({
    env: { ...shell, JOBRUNNER_HTTP_LISTEN_ADDRESS: "0.0.0.0", JOBRUNNER_ALLOW_OPEN: "on" },
  });
  assert.match(await program.line("ANYONE who can reach 0.0.0.0 can run jobs"), / (WARN|WARNING) /);
});

Deno.test("JOBRUNNER_CMD with shell syntax causes a warning, also in --check, and no shell runs it", async () => {
  const sentence = "JOBRUNNER_CMD contains shell syntax (| and $NAME), but no shell is run: ";
  const env = { JOBRUNNER_CMD: `${fixture("print_arguments.sh")} | tr "$HOME" b` };
  {
    await using program = await startProgram({ env });
    assert.match(await program.line(sentence), / (WARN|WARNING) /);
    assert.match((await post(program.url, "x")).output, /\|.*tr.*\$HOME.*b/s);
  }
  const { code, stdout } = await runProgram({ args: ["serve", "--check"], env });
  assert.equal(code, 0, stdout);
  assert.ok(stdout.includes(`\nwarning: ${sentence}`), stdout);
  await using quiet = await startProgram({ env: {}, args: ["serve", "--", "sh", "-c", "a | $b"] });
  assert.ok(!quiet.log.some((line) => line.includes("shell syntax")), quiet.log.join("\n"));
});

Deno.test("JOBRUNNER_CMD with a name that is not on PATH exits with 2, also with --check", async () => {
  for (const args of [["serve"], ["serve", "--check"]]) {
    const { code, stdout, stderr } = await runProgram({
      args,
      env: { JOBRUNNER_CMD: "not-there" },
    });
    assert.deepEqual({ code, stdout }, { code: 2, stdout: "" });
    assert.match(
      stderr,
      /^JOBRUNNER_CMD=not-there: must be .* \(not-there was not found on PATH\)\n$/,
    );
  }
});

Deno.test("JOBRUNNER_TLS_CERT_FILE and JOBRUNNER_TLS_KEY_FILE make serve speak HTTPS", async () => {
  const cert = fixture("tls/cert.pem");
  await using program = await startProgram({
    env: {
      ...shell,
      JOBRUNNER_TLS_CERT_FILE: cert,
      JOBRUNNER_TLS_KEY_FILE: fixture("tls/key.pem"),
    },
  });
  assert.match(program.url, /^https:/);
  using client = Deno.createHttpClient({ caCerts: [Deno.readTextFileSync(fixture("tls/ca.pem"))] });
  const response = await fetch(`${program.url}/payload`, {
    method: "POST",
    body: JSON.stringify({ id: "x", data: new TextEncoder().encode("env").toBase64() }),
    client,
  });
  const output = atob((await response.json()).output);
  assert.match(output, /^JOBRUNNER_TLS_CERT_FILE=/m);
  assert.doesNotMatch(output, /JOBRUNNER_TLS_KEY_FILE/);
});

Deno.test("JOBRUNNER_TLS_CERT_FILE without a certificate exits with 2, with an unusable one with 1", async () => {
  using folder = temporaryFolder();
  const bad = `${folder.path}/bad.pem`;
  Deno.writeTextFileSync(bad, "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n");
  const env = {
    ...shell,
    JOBRUNNER_HTTP_LISTEN_PORT: "0",
    JOBRUNNER_TLS_KEY_FILE: fixture("tls/key.pem"),
  };
  const none = await runProgram({
    env: { ...env, JOBRUNNER_TLS_CERT_FILE: fixture("tls/key.pem") },
  });
  assert.equal(none.code, 2);
  assert.match(none.stderr, /it holds no certificate/);
  const misfit = await runProgram({ env: { ...env, JOBRUNNER_TLS_CERT_FILE: bad } });
  assert.equal(misfit.code, 1, misfit.stderr);
});

Deno.test("JOBRUNNER_PASSWORD_FILE holds the password, and no command sees the file's name", async () => {
  using folder = temporaryFolder();
  Deno.writeTextFileSync(`${folder.path}/password`, "hunter2\n");
  await using program = await startProgram({
    env: { ...shell, JOBRUNNER_PASSWORD_FILE: `${folder.path}/password` },
  });
  assert.equal((await post(program.url, "exit 0")).status, 401);
  const { output } = await post(program.url, "env", { headers: { "X-JR-PASSWORD": "hunter2" } });
  assert.match(output, /^JOBRUNNER_CMD=/m);
  assert.doesNotMatch(output, /PASSWORD/);
});

Deno.test("JOBRUNNER_REQUEST_SUFFIX and --response-suffix end the file names; a bad one exits with 2", async () => {
  using folder = temporaryFolder();
  await using program = await startProgram({
    env: { ...shell, JOBRUNNER_REQUEST_SUFFIX: ".png", JOBRUNNER_SPOOL_DIR: folder.path },
    args: ["serve", "--response-suffix", " (1).gif"],
  });
  const names =
    'echo "$JOBRUNNER_REQUEST_DATA_FN"; echo "$JOBRUNNER_RESPONSE_DATA_FN"; echo GIF > "$JOBRUNNER_RESPONSE_DATA_FN"';
  const { output, data } = await post(program.url, names);
  assert.match(output, /_req_[0-9a-f]{16}\.png\n.*_res_[0-9a-f]{1,16} \(1\)\.gif\n$/);
  assert.equal(data, "GIF\n");
  const { code, stderr } = await runProgram({
    args: ["serve", "--response-suffix", "/x.gif"],
    env: shell,
  });
  assert.equal(code, 2);
  assert.match(stderr, /^--response-suffix=\/x\.gif: must be .* \(it contains \/, .*\)\n$/);
});

Deno.test("X-Request-Id is echoed in the answer and named in the job's log line", async () => {
  await using program = await startProgram({ env: { ...shell, JOBRUNNER_LOG_FORMAT: "json" } });
  const { headers } = await post(program.url, "exit 3", {
    id: "my job",
    headers: { "X-Request-Id": "req-1" },
  });
  assert.equal(headers.get("x-request-id"), "req-1");
  const line = JSON.parse(await program.line('"jobrunner.request_id":"req-1"'));
  assert.equal(line.body, "job ended");
  assert.equal(line.severity_text, "INFO");
  assert.equal(line.attributes["jobrunner.id"], "my job");
  assert.equal(line.attributes["jobrunner.outcome"], "failed");
  assert.equal(line.attributes["jobrunner.exit_status"], 3);
});

Deno.test("POST /payload refuses a body that is too large or too slow, and serves others", async () => {
  await using program = await startProgram({
    env: { ...shell, JOBRUNNER_MAX_REQUEST_BYTES: "1000", JOBRUNNER_REQUEST_TIMEOUT_SEC: "0.2" },
  });
  assert.equal((await postRaw(program.url, "x".repeat(1001))).status, 413);
  assert.equal(
    (await postRaw(program.url, ReadableStream.from([new Uint8Array(1001)]))).status,
    413,
  );
  const { hostname, port } = new URL(program.url);
  using slow = await Deno.connect({ hostname, port: Number(port) });
  await slow.write(
    new TextEncoder().encode(
      'POST /payload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"id":',
    ),
  );
  assert.equal((await post(program.url, "exit 0")).status, 200);
  const buffer = new Uint8Array(4096);
  const length = await slow.read(buffer);
  assert.match(new TextDecoder().decode(buffer.subarray(0, length ?? 0)), /^HTTP\/1\.1 408 /);
  assert.equal((await statusOf(program.url)).buffered_bytes, 0);
});

Deno.test("JOBRUNNER_MAX_BUFFERED_BYTES bounds all payloads together", async () => {
  using folder = temporaryFolder();
  await using program = await startProgram({
    env: {
      JOBRUNNER_CMD: fixture("hold_until_released.sh"),
      HOLD_RELEASE: `${folder.path}/release`,
      JOBRUNNER_NUM_WORKERS: "1",
      JOBRUNNER_MAX_BUFFERED_BYTES: "3000",
    },
  });
  const running = post(program.url, "x".repeat(1500), { id: "running" });
  await fileExists(`${folder.path}/started_running`);
  const waiting = post(program.url, "x".repeat(1500), { id: "waiting" });
  while ((await statusOf(program.url)).queued_jobs !== 1);
  const { status, headers, text } = await post(program.url, "x".repeat(1500));
  assert.equal(status, 503);
  assert.match(text, /^Other requests hold too many bytes in memory/);
  assert.match(headers.get("retry-after") ?? "", /^\d+$/);
  Deno.writeTextFileSync(`${folder.path}/release`, "");
  assert.deepEqual((await Promise.all([running, waiting])).map((answer) => answer.status), [
    200,
    200,
  ]);
});

Deno.test("SIGINT and SIGTERM stop an idle server with exit 0", async () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    await using program = await startProgram({ env: shell });
    await post(program.url, "exit 0");
    assert.equal(await program.stop(signal), 0);
    assert.ok(program.log.at(-1)?.endsWith(" stopped"), program.log.at(-1));
  }
});

Deno.test("SIGTERM lets running jobs finish, and they get their answers", async () => {
  using folder = temporaryFolder();
  await using program = await startProgram({
    env: {
      JOBRUNNER_CMD: fixture("hold_until_released.sh"),
      HOLD_RELEASE: `${folder.path}/release`,
      JOBRUNNER_NUM_WORKERS: "1",
    },
  });
  const running = post(program.url, "x", { id: "running" });
  await fileExists(`${folder.path}/started_running`);
  const stopped = program.stop();
  await program.line("stopping");
  Deno.writeTextFileSync(`${folder.path}/release`, "");
  assert.equal((await running).output, "released\n");
  assert.equal(await stopped, 0);
});

Deno.test("JOBRUNNER_PASSWORD that is not UTF-8, which the runtime drops, prevents the start", async () => {
  const script = 'JOBRUNNER_PASSWORD=$(printf "p\\377") exec "$0" "$@"';
  const { code, stderr } = await new Deno.Command("sh", {
    args: ["-c", script, Deno.execPath(), "run", "-A", "--cached-only", `${projectRoot}main.ts`],
    env: { ...shell, JOBRUNNER_HTTP_LISTEN_PORT: "0" },
  }).output();
  assert.equal(new TextDecoder().decode(stderr), "JOBRUNNER_PASSWORD: must be UTF-8 text\n");
  assert.equal(code, 2);
});

Deno.test("every subcommand refuses an argument that is not UTF-8, and accepts U+FFFD itself", async () => {
  const run = async (printed: string, ...args: string[]) => {
    const main = ["run", "-A", "--cached-only", `${projectRoot}main.ts`];
    const { code, stderr } = await new Deno.Command("sh", {
      args: ["-c", `exec "$0" "$@" "$(printf '${printed}')"`, Deno.execPath(), ...main, ...args],
      env: { JOBRUNNER_HTTP_LISTEN_PORT: "0", NO_COLOR: "1" },
    }).output();
    return { code, text: new TextDecoder().decode(stderr) };
  };
  const check = ["serve", "--check", "--", fixture("run_payload.sh")];
  const commands: [number, string[]][] = [
    [2, check],
    [64, ["send", "--id"]],
    [2, ["wait-file", "0", "/"]],
  ];
  for (const [code, args] of commands) {
    const altered = await run("M\\374ller", ...args);
    // Deno 2.7.11 refuses it before the program begins.
    if (altered.text.startsWith("error: invalid UTF-8 ")) assert.notEqual(altered.code, 0);
    else assert.deepEqual(altered, { code, text: "the command line: must be UTF-8 text\n" });
  }
  assert.deepEqual(await run("M\\357\\277\\275ller", ...check), { code: 0, text: "" });
});
