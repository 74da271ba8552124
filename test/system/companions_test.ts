/**
 * The client side of the real program: `send` and `wait-file`.
 */

import assert from "node:assert/strict";
import { post, statusOf } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { eventually } from "../support/processes.ts";
import { fixture, runProgram, startProgram } from "../support/program.ts";
import { on } from "../support/stage.ts";

const shell = { JOBRUNNER_CMD: fixture("run_payload.sh"), JOBRUNNER_NUM_WORKERS: "1" };
const encode = (text: string) => new TextEncoder().encode(text);

Deno.test("send prints and exits as the command on the server did", async () => {
  using folder = temporaryFolder();
  const script = `${folder.path}/script`;
  Deno.writeTextFileSync(
    script,
    'echo out; echo err >&2; echo "$JOBRUNNER_REQUEST_ID" >"$JOBRUNNER_RESPONSE_DATA_FN"; exit 7',
  );
  await using program = await startProgram({ env: shell });
  const output = `${folder.path}/result`;
  const sent = await runProgram({
    args: ["send", "--url", program.url, "--output", output, "--id", "my job", script],
  });
  assert.deepEqual(sent, { code: 7, stdout: "out\n", stderr: "err\n" });
  assert.equal(Deno.readTextFileSync(output), "my job\n");

  const dropped = await runProgram({ args: ["send", "--url", program.url, script] });
  assert.equal(dropped.code, 7);
  assert.match(dropped.stderr, /the response file of 7 bytes was dropped/);

  const fromStdin = await runProgram({
    args: ["send", `--url=${program.url}`, "-"],
    stdin: encode('echo "$JOBRUNNER_REQUEST_ID"; kill -9 $$'),
  });
  assert.deepEqual(fromStdin, { code: 137, stdout: "stdin\n", stderr: "" });
});

Deno.test("send is binary safe, also for a payload of several pieces", async () => {
  using folder = temporaryFolder();
  const bytes = Uint8Array.from({ length: 3_000_001 }, (_, at) => (at * 7919) % 256);
  Deno.writeFileSync(`${folder.path}/in`, bytes);
  await using program = await startProgram({
    env: { JOBRUNNER_CMD: fixture("echo_payload.sh") },
  });
  const { code } = await runProgram({
    args: ["send", "--url", program.url, "--output", `${folder.path}/out`, `${folder.path}/in`],
  });
  assert.equal(code, 0);
  assert.equal(Deno.readFileSync(`${folder.path}/out`).toBase64(), bytes.toBase64());
});

Deno.test("send --retry retries while the server is full; without it, send exits with 75", async () => {
  using folder = temporaryFolder();
  await using program = await startProgram({ env: { ...shell, JOBRUNNER_QUEUE_LIMIT: "0" } });
  const running = post(program.url, `until [ -e ${folder.path}/release ]; do sleep 0.01; done`);
  await eventually(
    "it runs",
    async () => (await statusOf(program.url)).busy === 1,
  );
  const args = ["send", "--url", program.url, "-"];
  const refused = await runProgram({ args, stdin: encode("echo late") });
  assert.equal(refused.code, 75);
  assert.match(refused.stderr, /^jobrunner send: 503: job queue too large \(0\)\n$/);

  const patient = runProgram({ args: [...args, "--retry", "1000"], stdin: encode("echo late") });
  await eventually(
    "it was refused once more",
    async () => (await statusOf(program.url)).rejections.queue_full >= 2,
  );
  Deno.writeTextFileSync(`${folder.path}/release`, "");
  await running;
  assert.deepEqual(await patient, { code: 0, stdout: "late\n", stderr: "" });
});

Deno.test("send has an exit status and one line for each of its own failures", async () => {
  using folder = temporaryFolder();
  Deno.writeTextFileSync(`${folder.path}/password`, "pässword\n");
  Deno.writeTextFileSync(`${folder.path}/large`, "x".repeat(500));
  await using program = await startProgram({
    env: {
      ...shell,
      JOBRUNNER_PASSWORD: "pässword",
      JOBRUNNER_MAX_REQUEST_BYTES: "200",
      JOBRUNNER_MAX_RUN_BYTES: "200",
    },
  });
  await using stranger = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("hello"),
  );
  await using refusing = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("The name in the Host header is not one\n", { status: 403 }),
  );
  const strange = `http://127.0.0.1:${stranger.addr.port}`;
  const send = (url: string, ...more: string[]) =>
    runProgram({ args: ["send", "--url", url, "-", ...more], stdin: encode("exit 0") });
  const password = ["--password-file", `${folder.path}/password`];
  const fine = await send(program.url, ...password);
  assert.deepEqual(fine, { code: 0, stdout: "", stderr: "" });
  const cases: [number, RegExp, Promise<{ code: number; stderr: string }>][] = [
    [64, /--retry=x: must be/, send(program.url, "--retry", "x")],
    [
      65,
      /413: The body is larger/,
      runProgram({
        args: ["send", "--url", program.url, ...password, `${folder.path}/large`],
      }),
    ],
    [66, /nowhere: cannot be read/, send(program.url, "--password-file", "nowhere")],
    [
      66,
      /nowhere: cannot be read/,
      runProgram({ args: ["send", "--url", program.url, "nowhere"] }),
    ],
    [69, /no answer: [^,]*$/m, send("http://127.0.0.1:1")],
    [73, /cannot be written/, send(program.url, ...password, "--output", "/nowhere/x")],
    [76, /must be a jobrunner/, send(strange)],
    [77, /401: Invalid password/, send(program.url)],
    [77, /403: The name in the Host/, send(`http://127.0.0.1:${refusing.addr.port}`)],
  ];
  for (const [code, sentence, sent] of cases) {
    const { code: actual, stderr } = await sent;
    assert.equal(actual, code, stderr);
    assert.match(stderr, /^jobrunner send: [^\n]+\n$/);
    assert.match(stderr, sentence);
  }
});

Deno.test("send reports a refusal, even one that comes while a large payload is sent", async () => {
  using folder = temporaryFolder();
  const large = `${folder.path}/large`;
  Deno.writeFileSync(large, new Uint8Array(20_000_000));
  Deno.writeTextFileSync(`${folder.path}/password`, "right");
  await using program = await startProgram({
    env: {
      ...shell,
      JOBRUNNER_PASSWORD: "right",
      JOBRUNNER_MAX_REQUEST_BYTES: "100000",
      JOBRUNNER_MAX_RUN_BYTES: "100000",
    },
  });
  const send = (...more: string[]) =>
    runProgram({ args: ["send", "--url", program.url, large, ...more] });
  for (let round = 0; round < 3; round++) {
    assert.equal((await send()).code, 77);
    const tooLarge = await send("--password-file", `${folder.path}/password`);
    assert.equal(tooLarge.code, 65, tooLarge.stderr);
  }
});

Deno.test("send does not follow a redirect, so the password stays with the named server", async () => {
  let asked = 0;
  await using other = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    asked++;
    return new Response();
  });
  await using redirecting = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () =>
      new Response(null, {
        status: 303,
        headers: { location: `http://127.0.0.1:${other.addr.port}/payload` },
      }),
  );
  const { code, stderr } = await runProgram({
    args: ["send", "--url", `http://127.0.0.1:${redirecting.addr.port}`, "-"],
    env: { JOBRUNNER_PASSWORD: "hunter2" },
    stdin: encode("x"),
  });
  assert.equal(code, 76);
  assert.match(stderr, /it redirects to http:\/\/127\.0\.0\.1:\d+\/payload\n$/);
  assert.equal(asked, 0);
});

Deno.test("send refuses a folder as its input, and reads a FIFO once", async () => {
  using folder = temporaryFolder();
  await using program = await startProgram({ env: shell });
  const refused = await runProgram({ args: ["send", "--url", program.url, folder.path] });
  assert.equal(refused.code, 66);
  assert.match(refused.stderr, /it is a folder/);
  const fifo = `${folder.path}/fifo`;
  await new Deno.Command("mkfifo", { args: [fifo] }).output();
  const sent = runProgram({ args: ["send", "--url", program.url, fifo] });
  await Deno.writeTextFile(fifo, "echo through the pipe");
  assert.equal((await sent).stdout, "through the pipe\n");
});

Deno.test("send --output: an unwritable output wastes no run and loses no data", async () => {
  using folder = temporaryFolder();
  await using program = await startProgram({ env: shell });
  const before = await runProgram({
    args: ["send", "--url", program.url, "--output", `${folder.path}/no/where`, "-"],
    stdin: encode("echo ran"),
  });
  assert.equal(before.code, 73);
  assert.equal((await statusOf(program.url)).total_jobs, 0);
  Deno.writeTextFileSync(`${folder.path}/result`, "as it was");
  const refused = await runProgram({
    args: ["send", "--url", "http://127.0.0.1:1", "--output", `${folder.path}/result`, "-"],
    stdin: encode("x"),
  });
  assert.equal(refused.code, 69);
  assert.equal(Deno.readTextFileSync(`${folder.path}/result`), "as it was");
  assert.deepEqual([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["result"]);
});

Deno.test("send leaves no output file when a signal ends it", async () => {
  await on("hold_until_released.sh", {}, async ({ url, program, folder }) => {
    const results = `${folder}/results`;
    Deno.mkdirSync(results);
    const ending = new AbortController();
    const sending = runProgram({
      args: ["send", "--url", url, "--id", "sent", "--output", `${results}/result`, "-"],
      stdin: encode("x"),
      signal: ending.signal,
    });
    await fileExists(`${folder}/started_sent`);
    ending.abort();
    assert.equal((await sending).code, 143);
    assert.deepEqual([...Deno.readDirSync(results)], []);
    assert.equal(await program.stop(), 0);
  });
});

Deno.test("wait-file exits with 0 once the file exists and is complete, with 1 on timeout", async () => {
  using folder = temporaryFolder();
  const wait = (...args: string[]) => runProgram({ args: ["wait-file", ...args] });
  const growing = `${folder.path}/growing`;
  Deno.writeTextFileSync(`${folder.path}/there`, "x");
  Deno.writeTextFileSync(growing, "");
  assert.deepEqual(await wait("60", folder.path, "there"), { code: 0, stdout: "", stderr: "" });
  assert.deepEqual(await wait("0.1", folder.path, "missing"), {
    code: 1,
    stdout: "",
    stderr: "missing: does not exist after 0.1 s\n",
  });
  const grower = setInterval(() => Deno.writeTextFileSync(growing, "x", { append: true }), 20);
  const stillGrowing = await wait("1", folder.path, "growing");
  assert.equal(stillGrowing.code, 1);
  assert.equal(stillGrowing.stderr, "growing: is still growing after 1 s\n");
  const patient = wait("60", folder.path, "growing");
  clearInterval(grower);
  assert.equal((await patient).code, 0);
});

Deno.test("wait-file exits with 2 and one line on wrong usage or an unreadable folder", async () => {
  using folder = temporaryFolder();
  const cases: [string[], RegExp][] = [
    [[], /^usage: jobrunner wait-file TIMEOUT_SEC FOLDER NAME\n$/],
    [["1", folder.path, "a", "b"], /^usage: /],
    [["soon", folder.path, "a"], /^TIMEOUT_SEC=soon: must be a number of seconds/],
    [["-1", folder.path, "a"], /^TIMEOUT_SEC=-1: must be a number of seconds/],
    [["1", `${folder.path}/nowhere`, "a"], /^FOLDER=.*: must be a folder that can be read\n$/],
    [["1", folder.path, "../a"], /^NAME=\.\.\/a: must be the name of a file/],
  ];
  for (const [args, sentence] of cases) {
    const { code, stderr } = await runProgram({ args: ["wait-file", ...args] });
    assert.equal(code, 2, stderr);
    assert.match(stderr, sentence);
  }
});

Deno.test("send states its body's Content-Length, whatever the input", async () => {
  using folder = temporaryFolder();
  const heads: string[][] = [];
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async ({ headers, body }) => {
      const bytes = await new Response(body).bytes();
      heads.push([
        headers.get("content-length") ?? "none",
        String(bytes.length),
        headers.get("transfer-encoding") ?? "none",
      ]);
      return new Response("", { status: 400 });
    },
  );
  const url = `http://127.0.0.1:${server.addr.port}`;
  Deno.writeFileSync(`${folder.path}/large`, new Uint8Array(3_000_001));
  Deno.writeFileSync(`${folder.path}/empty`, new Uint8Array());
  const files = [`${folder.path}/large`, `${folder.path}/empty`, "/proc/self/status", "-"];
  for (const args of [...files.map((file) => [file]), ...files.map((file) => ["--json", file])]) {
    const file = args.join(" ");
    const { code } = await runProgram({
      args: ["send", "--url", url, "--id", "ü", ...args],
      stdin: encode("hello"),
    });
    assert.equal(code, 65, file);
    const [announced, came, coding] = heads.at(-1) ?? [];
    assert.equal(announced, came, file);
    if (file.startsWith("--json")) assert.ok(Number(came) >= '{"id":"ü","data":""}'.length);
    assert.equal(coding, "none");
  }
  assert.equal(heads.length, 8);
});
