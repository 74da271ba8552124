import assert from "node:assert/strict";
import { createDeadlines } from "../../../src/async/deadlines.ts";
import { createErrorAnswers } from "../../../src/http/answer/error_answers.ts";
import { openExchange } from "../../../src/http/exchange.ts";
import type { Handler } from "../../../src/http/handler.ts";
import { unmarked } from "../../../src/isolate/busy.ts";
import type { JobOutcome } from "../../../src/jobs/job.ts";
import { job, type Setup, setUp } from "../../support/routes.ts";

Deno.test("POST /payload answers errors as plain text, and as problem details when Accept asks for JSON", async () => {
  const { post } = setUp();
  for (const accept of [undefined, "*/*", "text/html", "text/plain, application/json;q=0.5"]) {
    const { headers, text } = await post("{}", accept === undefined ? {} : { accept });
    assert.equal(headers.get("content-type"), "text/plain; charset=utf-8", accept);
    assert.equal(text, "Json key 'id' missing or empty\n");
  }
  for (
    const accept of [
      "application/json",
      "application/problem+json",
      "application/*",
      "application/json, */*;q=0.1",
    ]
  ) {
    const { status, headers, text } = await post("{}", { accept, "x-request-id": "abc" });
    assert.equal(status, 400);
    assert.equal(headers.get("content-type"), "application/problem+json", accept);
    assert.deepEqual(JSON.parse(text), {
      type: "about:blank",
      title: "Bad Request",
      status: 400,
      detail: "Json key 'id' missing or empty",
      code: "invalid",
      request_id: "abc",
    });
  }
});

Deno.test("POST /payload counts each rejection of a job under its reason, and no other refusal", async () => {
  const left = (cause: "canceled" | "queue_timeout" | "shutdown") => ({
    submit: (): Promise<JobOutcome> =>
      Promise.resolve({ kind: "left", cause, queuedSec: 2, retryAfterSec: 1 }),
  });
  const refused = (cause: "queue_full" | "draining") => ({
    refusal: { reserved: false as const, cause, waiting: 3, retryAfterSec: 1 },
  });
  const never = new ReadableStream({});
  const cases: [string, Setup, BodyInit?][] = [
    ["unauthorized", { password: "p" }],
    ["draining", { ready: false }],
    ["draining", refused("draining")],
    ["draining", left("shutdown")],
    ["queue_full", refused("queue_full")],
    ["queue_timeout", left("queue_timeout")],
    ["canceled", left("canceled")],
    ["too_large", { limits: { maxBytes: 3 } }],
    ["timeout", { limits: { periods: createDeadlines(1) } }, never],
    ["invalid", {}, "{"],
  ];
  for (const [reason, setup, body = job] of cases) {
    const { post, rejected } = setUp(setup);
    await post(body);
    assert.deepEqual(rejected, [reason]);
  }
  const { send, rejected } = setUp({ ready: false });
  for (const path of ["/nowhere", "/payload", "/readyz"]) await send(path);
  assert.deepEqual(rejected, []);
});

Deno.test("POST /payload answers 500 for a bug, with the stack in the log only", async () => {
  const { post, log } = setUp({
    submit: () => {
      throw new Error("a bug");
    },
  });
  const { status, text } = await post(job);
  assert.equal(status, 500);
  assert.ok(!text.includes("a bug"));
  assert.match(
    String(log[0]?.[1]?.["exception.stacktrace"]),
    /Error: a bug\n.*error_answers_test/s,
  );
});

Deno.test("answerJob() reports a run that did not succeed in the trace, and neither logs nor counts it", async () => {
  const { answerJob } = createErrorAnswers({
    log: { write: () => assert.fail("logged"), flush: () => Promise.resolve() },
    metrics: {
      rejected: () => assert.fail("counted"),
      requestArrived: () => assert.fail(),
      requestAnswered: () => assert.fail(),
    },
  }, unmarked);
  const ends: unknown[] = [];
  const handle: Handler = (c) => {
    const context = { traceparent: "00-1-2-01" };
    c.env.trace = { context, end: (end) => void ends.push(end) };
    return answerJob(c, {
      kind: "command_failed",
      status: 418,
      ending: { kind: "exited", exitStatus: 3 },
      metadata: { "X-JR-Exit-Status": "3" },
      stderrTail: "no tea\n",
    });
  };
  const request = new Request("http://localhost/", { headers: { accept: "application/json" } });
  const response = await handle({
    env: openExchange(request, {}),
    req: { raw: request, path: "/" },
  });
  assert.equal(response.status, 418);
  assert.equal(response.headers.get("x-jr-exit-status"), "3");
  const { stderr_tail, code } = await response.json();
  assert.deepEqual([stderr_tail, code], ["no tea\n", "command_failed"]);
  assert.deepEqual(ends, [{ status: 418, problem: "command_failed", leftAfterSec: undefined }]);
});
