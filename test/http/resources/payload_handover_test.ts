import assert from "node:assert/strict";
import type { RequestEnd } from "../../../src/telemetry/trace.ts";
import { byHand } from "../../support/deadlines.ts";
import { resultOf } from "../../support/jobs.ts";
import { job, type Setup, setUp } from "../../support/routes.ts";
import { nextTurn } from "../../support/turn.ts";

const long = { bytes: new Uint8Array(300_000), truncated: false };

/** A job whose answer is too long for one string. */
const longAnswer: Setup["submit"] = (spec, handle) => {
  handle.onInputStored();
  handle.onCaptured(long.bytes.length);
  return Promise.resolve({
    kind: "ran",
    result: { ...resultOf(spec), output: { ...long, bytes: long.bytes.slice() } },
  });
};

/** Posts a job; the test decides when its answer was handed over. */
function posted(setup: Setup) {
  const routes = setUp(setup);
  const completed = Promise.withResolvers<void>();
  const request = new Request("http://localhost/payload", {
    method: "POST",
    body: job,
    headers: { "x-request-id": "r1" },
  });
  const answer = Promise.resolve(routes.fetch(request, { completed: completed.promise }));
  return { ...routes, answer, completed };
}

Deno.test("POST /payload answers with its length and the request's id", async () => {
  const { answer, completed } = posted({ submit: longAnswer });
  const { headers, body } = await answer;
  assert.equal(headers.get("x-request-id"), "r1");
  assert.match(headers.get("cache-control") ?? "", /no-store/);
  const length = (await new Response(body).bytes()).length;
  assert.equal(headers.get("content-length"), String(length));
  completed.resolve();
  await nextTurn();
});

Deno.test("POST /payload counts the request as active and holds the answer until it is handed over", async () => {
  const { answer, completed, activity, held } = posted({ submit: longAnswer });
  await answer;
  assert.equal(activity.active, 1);
  assert.equal(held(), long.bytes.length);
  completed.reject(new Error("the client has gone"));
  await nextTurn();
  assert.equal(activity.active, 0);
  assert.equal(held(), 0);
});

Deno.test("POST /payload holds nothing for a refused request while its answer is on the way", async () => {
  const { answer, completed, held } = posted({
    refusal: { reserved: false, cause: "queue_full", waiting: 1, retryAfterSec: 1 },
  });
  assert.equal((await answer).status, 503);
  assert.equal(held(), 0);
  completed.resolve();
  await nextTurn();
});

Deno.test("POST /payload has no answer timeout any more once the answer is handed over", async () => {
  const patience = byHand(1000);
  const { answer, completed } = posted({ submit: longAnswer, patience });
  await (await answer).bytes();
  assert.equal(patience.waiting, 1);
  completed.resolve();
  await nextTurn();
  assert.equal(patience.waiting, 0);
});

Deno.test("POST /payload gives up an unread answer, ends the request and logs a line", async () => {
  const patience = byHand(1000);
  const { answer, completed, activity, held, log } = posted({ submit: longAnswer, patience });
  const { body } = await answer;
  patience.over();
  assert.equal(activity.active, 0);
  assert.equal(held(), 0);
  const [message, fields] = log[0] ?? [];
  assert.equal(message, "gave up on an unread response");
  assert.equal(fields?.["cause"], "answer_timeout");
  assert.equal(fields?.["request_id"], "r1");
  await assert.rejects(new Response(body).bytes());
  completed.resolve();
  await nextTurn();
});

Deno.test("POST /payload ends the request's trace with the status, and names it in the access line", async () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const ends: RequestEnd[] = [];
  const { post, log } = setUp({
    accessLog: true,
    beginTrace: (headers, target) => {
      assert.equal(headers.get("x-request-id"), "r1");
      assert.deepEqual(target, { route: "/payload", path: "/payload" });
      return { context: { traceparent }, end: (request) => void ends.push(request) };
    },
  });
  await post(job, { "x-request-id": "r1" });
  assert.deepEqual(ends, [{ status: 200 }]);
  assert.equal(log[0]?.[1]?.["trace_id"], "0af7651916cd43dd8448eb211c80319c");
});
