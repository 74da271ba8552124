/**
 * `send` of the real program over `POST /run`: what it posts, and where it puts the parts of a result.
 */

import assert from "node:assert/strict";
import { somethingIn, temporaryFolder } from "../support/folder.ts";
import { eventually } from "../support/processes.ts";
import { type Exit, fixture, runProgram, startProgram } from "../support/program.ts";
import { readRequest, startRawServer, writeAnswer } from "../support/raw_server.ts";
import {
  formAnswer,
  formBody,
  formType,
  problemAnswer,
  startRunServer,
} from "../support/run_server.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const namesIn = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name);

function send(url: string, ...more: string[]): Promise<Exit> {
  return runProgram({
    args: ["send", "--url", url, ...more],
    env: { JOBRUNNER_PASSWORD: "hunter2" },
    stdin: encode("payload"),
  });
}

Deno.test("send posts a file as it is, with its id and time limit in the query, and takes the result apart", async () => {
  using folder = temporaryFolder();
  const output = `${folder.path}/result`;
  const bytes = Uint8Array.from({ length: 3_000_001 }, (_, at) => (at * 7919) % 256);
  Deno.writeFileSync(`${folder.path}/in 'voïce'`, bytes);
  const result = { exit_status: 7, output_truncated: true };
  await using server = startRunServer(() =>
    formAnswer({ result, data: "file\n", output: "out\n", error: "err\n" })
  );
  const args = ["--command", "pdf", "--timeout", "1.5", `${folder.path}/in 'voïce'`];
  assert.deepEqual(await send(`${server.url}?a=b`, "--output", output, ...args), {
    code: 7,
    stdout: "out\n",
    stderr: "err\njobrunner send: output was truncated by the server's limit\n",
  });
  assert.equal(Deno.readTextFileSync(output), "file\n");
  const [request] = server.requests;
  assert.equal(request?.target, "/run/pdf?a=b&id=in+%27vo%C3%AFce%27&timeout_sec=1.5");
  assert.equal(request.body.toBase64(), bytes.toBase64());
  const names = [
    ...["content-length", "content-type", "content-disposition", "accept", "x-jr-password"],
  ];
  assert.deepEqual(names.map((name) => request.headers.get(name)), [
    "3000001",
    "application/octet-stream",
    "attachment; filename*=UTF-8''in%20%27vo%C3%AFce%27",
    "multipart/form-data, application/problem+json;q=0.9",
    "hunter2",
  ]);
  const dropped = await send(server.url, "-");
  assert.match(
    dropped.stderr,
    /^jobrunner send: the response file of 5 bytes was dropped.*\nerr\n/,
  );
  assert.equal(server.requests[1]?.target, "/run?id=stdin");
  assert.equal(server.requests[1]?.headers.get("content-disposition"), null);
  assert.equal(new TextDecoder().decode(server.requests[1]?.body), "payload");
});

Deno.test("send --form posts fields and files in place of a file", async () => {
  using folder = temporaryFolder();
  Deno.writeTextFileSync(`${folder.path}/doc.txt`, "text");
  await using server = startRunServer(() => formAnswer({}));
  const fields = [
    "--form",
    "mode=fast",
    "--form",
    `doc=@${folder.path}/doc.txt`,
    "--form",
    "in=@-",
  ];
  assert.deepEqual(await send(server.url, ...fields), { code: 0, stdout: "", stderr: "" });
  const [request] = server.requests;
  assert.equal(request?.target, "/run?id=doc.txt");
  assert.equal(request.headers.get("content-length"), String(request.body.length));
  const form = await new Response(request.body, { headers: request.headers }).formData();
  const files = ["doc", "in"].map((name) => form.get(name) as File);
  assert.equal(form.get("mode"), "fast");
  assert.deepEqual(files.map(({ name }) => name), ["doc.txt", "stdin"]);
  assert.deepEqual(await Promise.all(files.map((file) => file.text())), ["text", "payload"]);

  await using older = startRunServer(() => new Response("not found", { status: 404 }));
  const { code, stderr } = await send(older.url, ...fields);
  assert.deepEqual([code, older.requests.length], [76, 1]);
  assert.match(stderr, /\/run: must be a jobrunner with this path: an older one takes no forms\n$/);
});

Deno.test("send posts the job in JSON to a server without /run, and asks for that only once", async () => {
  const result = '{"data":"","exit_status":3,"output":"b3V0Cg==","error":""}';
  for (const status of [404, 405]) {
    await using server = startRunServer(({ target }, number) => {
      if (target.startsWith("/run")) return problemAnswer(status, "not_found", "nothing here");
      return number < 3 ? problemAnswer(503, "queue_full", "full") : new Response(result);
    });
    const sent = await send(server.url, "--retry", "1", "-");
    assert.deepEqual(sent, { code: 3, stdout: "out\n", stderr: "" });
    assert.deepEqual(server.requests.map(({ target }) => target), [
      "/run?id=stdin",
      "/payload",
      "/payload",
    ]);
    const body = new TextDecoder().decode(server.requests[2]?.body);
    assert.equal(body, '{"id":"stdin","data":"cGF5bG9hZA=="}');
  }
  await using server = startRunServer(() => new Response(result));
  assert.equal((await send(server.url, "--json", "-")).code, 3);
  assert.deepEqual(server.requests.map(({ target }) => target), ["/payload"]);
});

Deno.test("send takes a 404 about a command for an answer, and retries by the problem's code", async () => {
  await using unknown = startRunServer(() =>
    problemAnswer(404, "unknown_command", "There is no command pdff: there is pdf")
  );
  assert.deepEqual(await send(unknown.url, "--command", "pdff", "-"), {
    code: 65,
    stdout: "",
    stderr: "jobrunner send: 404: There is no command pdff: there is pdf\n",
  });
  assert.equal(unknown.requests.length, 1);
  await using full = startRunServer((_, number) =>
    number === 1 ? problemAnswer(503, "spool_full", "full") : formAnswer({ output: "out\n" })
  );
  assert.equal((await send(full.url, "--retry", "1", "-")).stdout, "out\n");
  await using lost = startRunServer(() => problemAnswer(502, "node_lost", "the node was lost"));
  const { code, stderr } = await send(lost.url, "--retry", "1", "-");
  assert.deepEqual([code, stderr], [70, "jobrunner send: 502: the node was lost\n"]);
  assert.equal(lost.requests.length, 1);
});

Deno.test("send leaves the output as it was when a result breaks off or is something else", async () => {
  using folder = temporaryFolder();
  const output = `${folder.path}/result`;
  Deno.writeTextFileSync(output, "as it was");
  const whole = formBody({ data: "x".repeat(100_000), output: "out\n" });
  for (const length of [300, 50_000, whole.length - 50]) {
    await using server = startRawServer(async (connection) => {
      await readRequest(connection);
      const body = whole.slice(0, length);
      const headers = { "content-type": formType };
      await writeAnswer(connection, 200, { headers, body, length: whole.length });
    });
    const { code, stderr } = await send(server.url, "--retry", "3", "--output", output, "-");
    assert.equal(code, 69, stderr);
    assert.match(stderr, /^jobrunner send: .*\/run: the answer broke off: the job may have run/m);
    assert.equal(server.connections, 1);
  }
  await using stranger = startRunServer(() =>
    new Response(whole.replace("exit_status", "status"), { headers: { "content-type": formType } })
  );
  assert.equal((await send(stranger.url, "--output", output, "-")).code, 76);
  assert.equal(Deno.readTextFileSync(output), "as it was");
  assert.deepEqual(namesIn(folder.path), ["result"]);
});

Deno.test("send loses no stream because of an output that cannot be written, and no output because of a stream", async () => {
  using folder = temporaryFolder();
  const output = `${folder.path}/result`;
  const data = "x".repeat(3_000_000);
  let isUnwritable = true;
  await using server = startRunServer(() => {
    // After send has looked at the path, and before it has the result.
    if (isUnwritable) Deno.mkdirSync(output);
    return formAnswer({ data, output: "out\n", error: "err\n" });
  });
  const unwritten = await send(server.url, "--output", output, "-");
  assert.deepEqual([unwritten.code, unwritten.stdout], [73, "out\n"]);
  assert.match(
    unwritten.stderr,
    /^err\njobrunner send: .*result: cannot be written: it is a folder\n$/,
  );
  isUnwritable = false;
  Deno.removeSync(output);
  const { code } = await runProgram({
    args: ["send", "--url", server.url, "--output", output, "-"],
    stdin: encode("payload"),
    through: ["bash", "-c", 'exec "$@" >/dev/full', "bash"],
  });
  assert.equal(code, 73);
  assert.equal(Deno.statSync(output).size, data.length);
});

Deno.test("send --output writes a large response file to a pipe or in place only when it is complete", async () => {
  using folder = temporaryFolder();
  const output = `${folder.path}/result`;
  const data = "x".repeat(3_000_000);
  await using server = startRunServer(() => formAnswer({ data, output: "out\n" }));
  assert.equal((await send(server.url, "--output", "-", "-")).stdout, `out\n${data}`);
  Deno.writeTextFileSync(output, "as it was");
  Deno.linkSync(output, `${folder.path}/other`);
  assert.equal((await send(server.url, "--output", output, "-")).code, 0);
  assert.equal(Deno.readTextFileSync(`${folder.path}/other`), data);
  const whole = formBody({ data, output: "out\n" });
  await using breaking = startRawServer(async (connection) => {
    await readRequest(connection);
    const headers = { "content-type": formType };
    await writeAnswer(connection, 200, { headers, body: whole.slice(0, 2_000_000), length: 9e6 });
  });
  for (const path of ["-", output]) {
    const { code, stdout } = await send(breaking.url, "--output", path, "-");
    assert.deepEqual([code, stdout], [69, ""]);
  }
  assert.equal(Deno.readTextFileSync(output), data);
});

Deno.test("send leaves no part of a result when a signal ends it while the result arrives", async () => {
  using folder = temporaryFolder();
  const whole = formBody({ data: "x".repeat(1_000_000) });
  const left = Promise.withResolvers<void>();
  await using server = startRawServer(async (connection) => {
    await readRequest(connection);
    const headers = { "content-type": formType };
    await writeAnswer(connection, 200, {
      headers,
      body: whole.slice(0, 500_000),
      length: whole.length,
    });
    await left.promise;
  });
  const ending = new AbortController();
  const sending = runProgram({
    args: ["send", "--url", server.url, "--output", `${folder.path}/result`, "-"],
    stdin: encode("payload"),
    signal: ending.signal,
  });
  await eventually("a part has come", () => somethingIn(folder.path));
  ending.abort();
  assert.equal((await sending).code, 143);
  left.resolve();
  assert.deepEqual(namesIn(folder.path), []);
});

Deno.test("send keeps a large standard input in a file that has no name", async () => {
  using folder = temporaryFolder();
  const input = new Uint8Array(5_000_000).fill(7);
  await using server = startRunServer(({ body }) => formAnswer({ output: String(body.length) }));
  const { code, stdout } = await runProgram({
    args: ["send", "--url", server.url, "-"],
    env: { TMPDIR: folder.path },
    stdin: input,
  });
  assert.deepEqual([code, stdout], [0, "5000000"]);
  assert.equal(server.requests[0]?.body.toBase64(), input.toBase64());
  assert.deepEqual(namesIn(folder.path), []);
  Deno.writeFileSync(`${folder.path}/input`, input);
  const noRoom = await runProgram({
    args: ["send", "--url", server.url, "-"],
    env: { TMPDIR: `${folder.path}/missing` },
    through: ["bash", "-c", 'exec "$@" <"$0"', `${folder.path}/input`],
  });
  assert.equal(noRoom.code, 66);
  assert.match(noRoom.stderr, /^jobrunner send: -: cannot be read: No such file or directory/);
});

Deno.test("send posts files and forms to the real server, and gets back what its command writes", async () => {
  using folder = temporaryFolder();
  const output = `${folder.path}/result`;
  await using program = await startProgram({
    env: { JOBRUNNER_CMD: fixture("run_payload.sh"), JOBRUNNER_PASSWORD: "hunter2" },
  });
  const script = `${folder.path}/script.sh`;
  Deno.writeTextFileSync(
    script,
    'head -c 3000000 /dev/zero >"$JOBRUNNER_RESPONSE_DATA_FN"; echo "$JOBRUNNER_REQUEST_ID"; ' +
      '[ ! -e "$JOBRUNNER_REQUEST_DIR" ] || cat "$JOBRUNNER_REQUEST_DIR/parts.json"; exit 9',
  );
  const file = await send(program.url, "--output", output, script);
  assert.deepEqual(file, { code: 9, stdout: "script.sh\n", stderr: "" });
  assert.equal(Deno.statSync(output).size, 3_000_000);
  const form = await send(program.url, "--form", "mode=fast", "--form", `script=@${script}`);
  assert.equal(form.code, 9, form.stderr);
  const parts = JSON.parse(form.stdout.replace("script.sh\n", ""));
  assert.deepEqual(parts.map(({ name }: { name: string }) => name), ["mode", "script"]);
});
