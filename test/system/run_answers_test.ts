/**
 * `POST /run`: answers in each format, and their statuses.
 */

import assert from "node:assert/strict";
import { post } from "../support/client.ts";
import { fileExists, temporaryFolder } from "../support/folder.ts";
import { beginPost } from "../support/half_sent.ts";
import { shellTable, startNamed } from "../support/named.ts";
import { expectNothingLeft } from "../support/nothing_left.ts";
import { fixture, startProgram } from "../support/program.ts";
import { postRun, type RunAnswer, runScript } from "../support/run_client.ts";
import { on } from "../support/stage.ts";

const shell = { JOBRUNNER_CMD: fixture("run_payload.sh"), JOBRUNNER_NUM_WORKERS: "1" };

const writesAll = 'printf out; printf err >&2; printf data >"$JOBRUNNER_RESPONSE_DATA_FN"';

const accepting = (accept: string) => ({ headers: { accept } });

Deno.test("POST /run answers with the output that ?answer names, and else the response file or stdout", async () => {
  await using program = await startProgram({ env: shell });
  const text = "text/plain; charset=utf-8";
  const cases: [script: string, target: string, body: string, answer: string, type: string][] = [
    [writesAll, "", "data", "data", "application/octet-stream"],
    [writesAll, "?answer=auto", "data", "data", "application/octet-stream"],
    [writesAll, "?answer=data", "data", "data", "application/octet-stream"],
    [writesAll, "?answer=output", "out", "output", text],
    [writesAll, "?answer=error", "err", "error", text],
    ["printf out", "", "out", "output", text],
    ["printf out", "?answer=data", "", "data", "application/octet-stream"],
    ['printf out; rm "$JOBRUNNER_RESPONSE_DATA_FN"', "", "out", "output", text],
  ];
  for (const [script, target, body, answer, type] of cases) {
    const { status, headers, text } = await postRun(program.url, script, { target });
    assert.deepEqual(
      [status, text, headers.get("x-jr-answer"), headers.get("content-type")],
      [200, body, answer, type],
      `${script} ${target}`,
    );
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("content-disposition"), "attachment");
    assert.equal(headers.get("content-length"), String(body.length));
  }
});

Deno.test("an answer in bytes has the rest of the result in its headers", async () => {
  await using program = await startNamed(`${shellTable("one", 'pool = "office"')}[pools.office]\n`);
  const { headers } = await postRun(program.url, writesAll, { target: "/one?id=n%C3%BC%0D%0A" });
  const of = (name: string) => headers.get(`x-jr-${name}`) ?? "";
  assert.deepEqual(
    ["id", "worker-id", "exit-status", "ending", "command", "pool"].map(of),
    ["n%C3%BC%0D%0A", "1", "0", "exited", "one", "office"],
  );
  assert.match(of("elapsed-sec"), /^\d+(\.\d+)?$/);
  assert.match(of("queued-sec"), /^\d+(\.\d+)?$/);
  for (const absent of ["signal", "truncated", "message"]) assert.equal(of(absent), "");
});

Deno.test("POST /run answers in JSON what POST /payload answers, apart from the times", async () => {
  await using program = await startProgram({ env: shell });
  const without = ({ elapsed_sec, queued_sec, ...more }: Record<string, unknown>) => {
    assert.deepEqual([typeof elapsed_sec, typeof queued_sec], ["number", "number"]);
    return more;
  };
  for (const script of [writesAll, `${writesAll}; exit 3`, "kill -9 $$"]) {
    const { json, headers } = await post(program.url, script, { id: "same" });
    const run = await runScript(program.url, script, {
      target: "?id=same",
      ...accepting("application/json"),
    });
    assert.equal(run.status, 200);
    assert.equal(run.headers.get("content-type"), headers.get("content-type"));
    assert.deepEqual(without(JSON.parse(run.text)), without(json));
    assert.deepEqual(Object.keys(JSON.parse(run.text)), Object.keys(json));
  }
});

Deno.test("POST /run answers with a form that Response.formData reads, however the command ended", async () => {
  await using program = await startProgram({ env: shell });
  const formOf = async ({ status, headers, bytes }: RunAnswer) => {
    assert.equal(status, 200);
    return await new Response(bytes, { headers }).formData();
  };
  const script = `${writesAll}; head -c 100000 /dev/zero; exit 3`;
  const form = await formOf(
    await runScript(program.url, script, { id: "x", ...accepting("multipart/form-data") }),
  );
  assert.deepEqual([...form.keys()], ["result", "data", "output", "error"]);
  const result = JSON.parse(String(form.get("result")));
  assert.deepEqual([result.id, result.exit_status, result.ending], ["x", 3, "exited"]);
  const file = (name: string) => form.get(name) as File;
  assert.equal(await file("data").text(), "data");
  assert.equal(await file("error").text(), "err");
  const output = await file("output").bytes();
  assert.deepEqual([output.length, output[0], output.at(-1)], [100_003, "o".charCodeAt(0), 0]);
  await expectNothingLeft(program);
});

Deno.test("POST /run answers 406 to a client that accepts no format, before the body is sent", async () => {
  await using program = await startProgram({ env: shell });
  using request = await beginPost(program.url, "/run", [
    "Content-Length: 10",
    "Accept: image/png;q=1, text/html",
  ]);
  assert.match(await request.answer(), /^HTTP\/1\.1 406 .*application\/octet-stream/s);
});

Deno.test("JOBRUNNER_RESPONSE_TYPE is the type of the response file and of stdout in its place, and clients may accept it", async () => {
  await using program = await startProgram({
    env: { ...shell, JOBRUNNER_RESPONSE_TYPE: "image/svg+xml; charset=utf-8" },
  });
  const { status, headers } = await runScript(program.url, writesAll, accepting("image/svg+xml"));
  assert.deepEqual([status, headers.get("content-type")], [200, "image/svg+xml; charset=utf-8"]);
  for (
    const [target, type] of [
      ["", "image/svg+xml; charset=utf-8"],
      ["?answer=output", "text/plain; charset=utf-8"],
    ] as const
  ) {
    const { headers, text } = await runScript(program.url, "printf out", { target });
    assert.deepEqual([text, headers.get("content-type")], ["out", type]);
  }
});

/** Status, code, ending and exit status of an error, and its problem details. */
function errorOf({ status, headers, text }: RunAnswer) {
  const details = JSON.parse(text) as Record<string, unknown>;
  assert.equal(headers.get("content-type"), "application/problem+json");
  assert.equal(headers.get("x-jr-ending"), details["ending"]);
  assert.equal(headers.get("x-jr-exit-status"), String(details["exit_status"]));
  const { code, ending, exit_status } = details;
  return { found: [status, code, ending, exit_status], details, headers };
}

const orProblem = accepting("*/*, application/problem+json");

Deno.test("POST /run answers 422 to a command that fails, with the end of its stderr", async () => {
  await using program = await startProgram({ env: shell });
  const failed = await runScript(program.url, `${writesAll}; exit 3`);
  assert.equal(failed.status, 422);
  assert.equal(failed.text, "The command exited with status 3\n\nerr\n");
  const long = `printf ${"ü".repeat(3000)} >&2; exit 3`;
  const { found, details } = errorOf(await runScript(program.url, long, orProblem));
  assert.deepEqual(found, [422, "command_failed", "exited", 3]);
  assert.equal(details["stderr_tail"], "ü".repeat(2048));
  const killed = errorOf(await runScript(program.url, "kill -9 $$", orProblem));
  assert.deepEqual(killed.found, [422, "command_failed", "signaled", 137]);
  assert.deepEqual([killed.details["signal"], killed.headers.get("x-jr-signal")], [
    "SIGKILL",
    "SIGKILL",
  ]);
  await expectNothingLeft(program);
});

Deno.test("JOBRUNNER_FAILED_STATUS is the status of a command that failed; with 200 its output is the answer", async () => {
  for (const [status, text] of [[200, "out"], [500, /^The command exited/]] as const) {
    await using program = await startProgram({
      env: { ...shell, JOBRUNNER_FAILED_STATUS: String(status) },
    });
    const answer = await runScript(program.url, "printf out; exit 3");
    assert.deepEqual([answer.status, answer.headers.get("x-jr-exit-status")], [status, "3"]);
    if (typeof text === "string") assert.equal(answer.text, text);
    else assert.match(answer.text, text);
    const target = "?timeout_sec=0.1";
    assert.equal((await runScript(program.url, "exec sleep 100", { target })).status, 504);
  }
});

Deno.test("POST /run answers 504 to a timeout and 500 to a command that cannot start", async () => {
  using folder = temporaryFolder();
  const command = `${folder.path}/command`;
  Deno.copyFileSync(fixture("run_payload.sh"), command);
  await using program = await startProgram({ env: { JOBRUNNER_CMD: command } });
  const timedOut = await runScript(program.url, "exec sleep 100", {
    target: "?timeout_sec=0.1",
    ...orProblem,
  });
  assert.deepEqual(errorOf(timedOut).found, [504, "timed_out", "timed_out", 124]);
  Deno.removeSync(command);
  const notStarted = errorOf(await runScript(program.url, "x", orProblem));
  assert.deepEqual(notStarted.found, [500, "command_not_started", "not_started", 127]);
  assert.ok(notStarted.headers.has("x-jr-message"));
  const json = await runScript(program.url, "x", accepting("application/json"));
  assert.deepEqual([json.status, JSON.parse(json.text).ending], [200, "not_started"]);
  await expectNothingLeft(program);
});

Deno.test("POST /run answers 503 to a job that a forced stop kills", async () => {
  await on("ignore_sigterm.sh", { JOBRUNNER_DRAIN_TIMEOUT_SEC: "0.1" }, async (stage) => {
    const { url, program, pids } = stage;
    const running = runScript(url, "x", orProblem);
    await fileExists(`${pids}/ignore_sigterm`);
    const waiting = runScript(url, "x", accepting("application/problem+json, */*"));
    const stopped = program.stop();
    const { found, headers } = errorOf(await running);
    assert.deepEqual(found, [503, "draining", "shutdown", 137]);
    assert.match(headers.get("retry-after") ?? "", /^[1-9]\d*$/);
    assert.equal((await waiting).status, 503);
    assert.equal(await stopped, 1);
  });
});

Deno.test("an output beyond JOBRUNNER_MAX_RESULT_BYTES is an error for those who ask for it, and cut in a form", async () => {
  for (const limit of [1_000, 100_000]) {
    await using program = await startProgram({
      env: { ...shell, JOBRUNNER_MAX_RESULT_BYTES: String(limit) },
    });
    const script = `head -c 200000 /dev/zero | tee "$JOBRUNNER_RESPONSE_DATA_FN"; echo small >&2`;
    for (const part of ["data", "output"]) {
      const target = `?answer=${part}`;
      const cut = errorOf(await runScript(program.url, script, { target, ...orProblem }));
      assert.deepEqual(cut.found, [507, "result_truncated", "exited", 0]);
      assert.equal(cut.headers.get("x-jr-truncated"), "data, output");
    }
    const whole = await runScript(program.url, script, { target: "?answer=error" });
    assert.deepEqual([whole.status, whole.text], [200, "small\n"]);
    assert.equal(whole.headers.get("x-jr-truncated"), "data, output");
    const { headers, bytes } = await runScript(
      program.url,
      script,
      accepting("multipart/form-data"),
    );
    const form = await new Response(bytes, { headers }).formData();
    for (const part of ["data", "output"]) assert.equal((form.get(part) as File).size, limit);
    const { data_truncated, output_truncated } = JSON.parse(String(form.get("result")));
    assert.deepEqual([data_truncated, output_truncated], [true, true]);
    const exact = `head -c ${limit} /dev/zero`;
    assert.equal((await runScript(program.url, exact)).headers.get("x-jr-truncated"), null);
    await expectNothingLeft(program);
  }
});
