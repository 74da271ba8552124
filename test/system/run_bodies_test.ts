/**
 * `POST /run`: bodies, and what a request says besides its body.
 */

import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { post, scrape, statusOf } from "../support/client.ts";
import { temporaryFolder } from "../support/folder.ts";
import { beginChunked, beginPost } from "../support/half_sent.ts";
import { shellTable, startNamed } from "../support/named.ts";
import { expectNothingLeft } from "../support/nothing_left.ts";
import { eventually } from "../support/processes.ts";
import { fixture, startProgram } from "../support/program.ts";
import { postRun, runScript } from "../support/run_client.ts";
import { filesIn, spoolIn } from "../support/spool.ts";

const shell = { JOBRUNNER_CMD: fixture("run_payload.sh"), JOBRUNNER_NUM_WORKERS: "1" };
const echo = { JOBRUNNER_CMD: fixture("echo_payload.sh"), JOBRUNNER_NUM_WORKERS: "1" };

/** Bytes of all values. */
function bytesOf(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8)) & 255);
}

Deno.test("POST /run passes a body to the command byte for byte, with and without a length", async () => {
  await using program = await startProgram({ env: echo });
  for (const length of [0, 1, 5_000_000]) {
    const bytes = bytesOf(length);
    for (const body of [bytes, new Blob([bytes]).stream()]) {
      const answer = await postRun(program.url, body);
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get("content-length"), String(length));
      assert.ok(Buffer.from(answer.bytes).equals(Buffer.from(bytes)), `${length} bytes`);
    }
  }
  await expectNothingLeft(program);
});

Deno.test("POST /run and /payload read a body that arrives whole with its head, after a long one on its connection", async () => {
  await using program = await startProgram({ env: echo });
  const { url } = program;
  for (let time = 0; time < 3; time++) {
    await postRun(url, bytesOf(3_000_000));
    const bytes = bytesOf(65_537);
    const answer = await postRun(url, bytes);
    assert.deepEqual([answer.status, answer.bytes.length], [200, bytes.length]);
    await postRun(url, bytesOf(3_000_000));
    const { status, output } = await post(url, "x".repeat(50_000));
    assert.deepEqual([status, output.length], [200, 50_000]);
  }
});

Deno.test("POST /run runs a request without any body and without a length", async () => {
  await using program = await startProgram({ env: echo });
  using request = await beginPost(program.url, "/run", []);
  assert.match(await request.answer(), /^HTTP\/1\.1 200 .*x-jr-answer: output/is);
});

Deno.test("POST /run answers 411 to a chunked body in tiny chunks or beyond 8 MiB, and leaves nothing", async () => {
  using folder = temporaryFolder();
  const env = { ...echo, JOBRUNNER_SPOOL_DIR: folder.path };
  await using program = await startProgram({ env });
  {
    using tiny = await beginChunked(program.url, "/run");
    await tiny.chunks(400, 1);
    assert.match(await tiny.answer(), /^HTTP\/1\.1 411 /);
  }
  {
    using few = await beginChunked(program.url, "/run");
    await few.chunks(200, 1);
    await few.write(new TextEncoder().encode("0\r\n\r\n"));
    assert.match(await few.answer(), /^HTTP\/1\.1 200 /);
  }
  {
    using long = await beginChunked(program.url, "/run");
    const sending = long.chunks(200, 65_536).catch(() => "the server closed the connection");
    assert.match(await long.answer(), /^HTTP\/1\.1 411 /);
    long[Symbol.dispose]();
    await sending;
  }
  await expectNothingLeft(program, folder.path);
  const most = bytesOf(8 * 2 ** 20);
  const answer = await postRun(program.url, new Blob([most]).stream());
  assert.ok(Buffer.from(answer.bytes).equals(Buffer.from(most)));
});

Deno.test("POST /run refuses wrong heads and bodies with the status of each, and runs nothing", async () => {
  using folder = temporaryFolder();
  await using program = await startProgram({
    env: { ...shell, JOBRUNNER_MAX_RUN_BYTES: "1000", JOBRUNNER_SPOOL_DIR: folder.path },
  });
  const digest = (text: string) => createHash("sha256").update(text).digest("base64");
  const wanted = "application/problem+json";
  const refused: [target: string, Record<string, string>, status: number, code: string][] = [
    ["", { "content-encoding": "gzip" }, 415, "unsupported_encoding"],
    ["", { "content-digest": `sha-256=:${digest("other")}:` }, 400, "digest_mismatch"],
    ["", { "content-digest": "sha-256=x" }, 400, "invalid"],
    ["?id=", {}, 400, "invalid"],
    [`?id=${"x".repeat(1025)}`, {}, 400, "invalid"],
    ["?id=%00", {}, 400, "invalid"],
    ["?id=%ff", {}, 400, "invalid"],
    ["?id=a&id=b", {}, 400, "invalid"],
    ["", { "x-jr-id": "x".repeat(1025) }, 400, "invalid"],
    ["?timeout_sec=0", {}, 400, "invalid"],
    ["?timeout_sec=-1", {}, 400, "invalid"],
    ["?timeout_sec=soon", {}, 400, "invalid"],
    ["", { "x-jr-timeout-sec": "1e3" }, 400, "invalid"],
    ["?answer=everything", {}, 400, "invalid"],
    [`?${"q".repeat(8193)}`, {}, 400, "invalid"],
    ["", { "content-disposition": `attachment; filename="${"x".repeat(300)}"` }, 400, "invalid"],
    ["/shell", {}, 404, "not_found"],
  ];
  for (const [target, headers, status, code] of refused) {
    const answer = await postRun(program.url, "exit 0", {
      target,
      headers: { accept: `*/*, ${wanted}`, ...headers },
    });
    const found = answer.headers.get("content-type") === wanted ? JSON.parse(answer.text).code : "";
    assert.deepEqual([answer.status, found], [status, code], `${target} ${answer.text}`);
  }
  assert.equal((await postRun(program.url, "x".repeat(1001))).status, 413);
  await expectNothingLeft(program, folder.path);
  assert.equal((await statusOf(program.url)).total_jobs, 0);
  const headers = { "content-digest": `sha-256=:${digest("echo ran")}:` };
  assert.equal((await postRun(program.url, "echo ran", { headers })).text, "ran\n");
});

Deno.test("POST /run answers 413 and 415 before the body is sent", async () => {
  await using program = await startProgram({
    env: { ...shell, JOBRUNNER_MAX_RUN_BYTES: "1000" },
  });
  using large = await beginPost(program.url, "/run", ["Content-Length: 1001"]);
  assert.match(await large.answer(), /^HTTP\/1\.1 413 /);
  using encoded = await beginPost(program.url, "/run", [
    "Content-Length: 10",
    "Content-Encoding: gzip",
  ]);
  assert.match(await encoded.answer(), /^HTTP\/1\.1 415 .*accept-encoding: identity/is);
});

Deno.test("POST /run checks the password before the body is sent", async () => {
  await using program = await startProgram({ env: { ...shell, JOBRUNNER_PASSWORD: "p" } });
  using request = await beginPost(program.url, "/run", ["Content-Length: 10"]);
  assert.match(await request.answer(), /^HTTP\/1\.1 401 /);
  const headers = { "x-jr-password": "p" };
  assert.equal((await runScript(program.url, "echo ran", { headers })).text, "ran\n");
});

const variables =
  "env | grep -E '^JOBRUNNER_(QUERY|CONTENT|FILENAME|HTTP_X|HTTP_A|REQUEST_DIR)' | LC_ALL=C sort";

Deno.test("POST /run passes query, type, length, filename and listed headers to the command as they are", async () => {
  await using program = await startProgram({
    env: { ...shell, JOBRUNNER_PASS_HEADERS: "x-tenant,accept-language" },
  });
  const { text } = await postRun(program.url, variables, {
    target: "?a=%20b&c=+d%0A&__proto__=1&=&id=n%C3%BC",
    headers: {
      "content-type": 'text/x-script; charset="utf-8"',
      "content-disposition": 'attachment; filename="../dir/a b.txt"',
      "x-tenant": "one, two",
      "x-other": "not listed",
      "accept-language": "de",
    },
  });
  assert.deepEqual(text.split("\n"), [
    `JOBRUNNER_CONTENT_LENGTH=${variables.length}`,
    'JOBRUNNER_CONTENT_TYPE=text/x-script; charset="utf-8"',
    "JOBRUNNER_FILENAME=a b.txt",
    "JOBRUNNER_HTTP_ACCEPT_LANGUAGE=de",
    "JOBRUNNER_HTTP_X_TENANT=one, two",
    "JOBRUNNER_QUERY_STRING=a=%20b&c=+d%0A&__proto__=1&=&id=n%C3%BC",
    "JOBRUNNER_REQUEST_DIR=",
    "",
  ]);
});

Deno.test("a command has all variables of a request, empty where the request says nothing", async () => {
  await using program = await startProgram({
    env: { ...shell, JOBRUNNER_PASS_HEADERS: "x-tenant" },
  });
  const empty = [
    "JOBRUNNER_CONTENT_TYPE=",
    "JOBRUNNER_FILENAME=",
    "JOBRUNNER_HTTP_X_TENANT=",
    "JOBRUNNER_QUERY_STRING=",
    "JOBRUNNER_REQUEST_DIR=",
    "",
  ];
  const bare = await postRun(program.url, new TextEncoder().encode(variables));
  const length = `JOBRUNNER_CONTENT_LENGTH=${variables.length}`;
  assert.deepEqual(bare.text.split("\n"), [length, ...empty]);
  const { output } = await post(program.url, variables);
  assert.deepEqual(output.split("\n"), ["JOBRUNNER_CONTENT_LENGTH=", ...empty]);
});

Deno.test("POST /run takes the id from the query, else from X-JR-Id, else it is the request id", async () => {
  await using program = await startProgram({ env: shell });
  const script = 'printf %s "$JOBRUNNER_REQUEST_ID"';
  const headers = { "x-jr-id": "head", "x-request-id": "request" };
  const cases: [target: string, Record<string, string>, id: string][] = [
    ["?id=n%C3%BC+1", headers, "nü 1"],
    ["", headers, "head"],
    ["", { "x-request-id": "request" }, "request"],
  ];
  for (const [target, headers, id] of cases) {
    const answer = await postRun(program.url, script, { target, headers });
    assert.equal(answer.text, id);
    assert.equal(decodeURIComponent(answer.headers.get("x-jr-id") ?? ""), id);
  }
  const { text, headers: sent } = await postRun(program.url, script);
  assert.equal(text, sent.get("x-request-id"));
});

Deno.test("timeout_sec of POST /run shortens the time limit of the command, and never lengthens it", async () => {
  await using program = await startNamed(
    shellTable("free") + shellTable("short", "job_timeout_sec = 0.2"),
  );
  const sleeps = "exec sleep 100";
  const cases = [
    ["/free?timeout_sec=0.2", {}],
    ["/free", { "x-jr-timeout-sec": "0.2" }],
    ["/short?timeout_sec=100", {}],
  ] as const;
  for (const [target, headers] of cases) {
    const answer = await postRun(program.url, sleeps, { target, headers });
    assert.deepEqual([answer.status, answer.headers.get("x-jr-ending")], [504, "timed_out"]);
  }
});

Deno.test("an upload of POST /run that breaks off leaves no file, and frees its place and its disk space", async () => {
  using folder = temporaryFolder();
  await using program = await startProgram({
    env: { ...shell, JOBRUNNER_QUEUE_LIMIT: "0", JOBRUNNER_SPOOL_DIR: folder.path },
  });
  {
    using request = await beginPost(program.url, "/run", ["Content-Length: 5000000"]);
    await request.write(bytesOf(1_000_000));
    await eventually("the body has a file", () => filesIn(spoolIn(folder.path)).length === 2);
    assert.equal((await scrape(program.url)).get("jobrunner_spooled_bytes"), 5_000_000);
    assert.equal((await post(program.url, "exit 0")).status, 503);
  }
  await expectNothingLeft(program, folder.path);
  assert.equal((await runScript(program.url, "echo ran")).text, "ran\n");
  const { rejections } = await statusOf(program.url);
  assert.deepEqual([rejections.canceled, rejections.queue_full], [1, 1]);
});

Deno.test("POST /run answers 408 to an upload that trickles, and leaves nothing", async () => {
  using folder = temporaryFolder();
  await using program = await startProgram({
    env: {
      ...shell,
      JOBRUNNER_REQUEST_TIMEOUT_SEC: "0.2",
      JOBRUNNER_SPOOL_DIR: folder.path,
    },
  });
  for (const head of ["Content-Length: 5000000", "Transfer-Encoding: chunked"]) {
    using request = await beginPost(program.url, "/run", [head]);
    await request.chunks(2, 10);
    assert.match(await request.answer(), /^HTTP\/1\.1 408 /);
  }
  await expectNothingLeft(program, folder.path);
  assert.equal((await runScript(program.url, "echo ran")).text, "ran\n");
});

Deno.test("POST /run/{command} runs the command with this name within its own limits", async () => {
  await using program = await startNamed(
    shellTable("one", "max_run_bytes = 50") + shellTable("two"),
  );
  const script = 'printf "%s %s" "$JOBRUNNER_COMMAND" "$JOBRUNNER_QUERY_STRING"';
  const { text, headers } = await postRun(program.url, script, { target: "/two?q" });
  assert.deepEqual([text, headers.get("x-jr-command")], ["two q", "two"]);
  assert.equal((await postRun(program.url, script, { target: "/one" })).status, 413);
  assert.equal((await postRun(program.url, script, { target: "/three" })).status, 404);
  assert.equal((await postRun(program.url, script)).status, 404);
});
