import assert from "node:assert/strict";
import type { JobOutcome } from "../../../src/jobs/job.ts";
import { base64 } from "../../support/client.ts";
import { ranOf, resultOf } from "../../support/jobs.ts";
import { job, setUp } from "../../support/routes.ts";
import { nextTurn } from "../../support/turn.ts";

Deno.test("POST /payload answers with the job's result", async () => {
  const { post, held } = setUp();
  const { status, headers, text } = await post(job);
  assert.equal(status, 200);
  assert.equal(headers.get("content-type"), "application/json");
  assert.equal(JSON.parse(text).output, base64("hello"));
  assert.equal(held(), 0);
});

Deno.test("POST /payload answers with a large result as with a small one, and frees its memory", async () => {
  const output = {
    bytes: new Uint8Array(9_000_001).map((_, index) => index % 241),
    truncated: false,
  };
  const { post } = setUp({
    submit: (spec) => Promise.resolve({ kind: "ran", result: { ...resultOf(spec), output } }),
  });
  const expected = output.bytes.toBase64();
  const { text } = await post(job);
  assert.equal(JSON.parse(text).output, expected);
  assert.equal(output.bytes.length, 0, "its memory is freed");
});

Deno.test("POST /payload frees a body's memory before its job waits, unless the payload lies in it", async () => {
  const decode = TextDecoder.prototype.decode;
  let body: AllowSharedBufferSource | undefined;
  TextDecoder.prototype.decode = function (...args) {
    body ??= args[0];
    return decode.apply(this, args);
  };
  try {
    const { post } = setUp({
      submit(spec) {
        assert.equal(body?.byteLength, 0);
        return Promise.resolve(ranOf(spec));
      },
    });
    const { text } = await post(`{"note": "${"x".repeat(300_000)}", ${job.slice(1)}`);
    assert.equal(JSON.parse(text).output, base64("hello"));
  } finally {
    TextDecoder.prototype.decode = decode;
  }
});

Deno.test("POST /payload answers 403 to a page of another origin, password or not, and reads no body", async () => {
  for (const setup of [{}, { password: "p" }]) {
    const { send, rejected } = setUp(setup);
    let pulled = 0;
    const body = new ReadableStream({ pull: () => void pulled++ }, { highWaterMark: 0 });
    const headers = {
      "sec-fetch-site": "cross-site",
      "content-type": "text/plain",
      "x-jr-password": "p",
      "accept": "application/json",
    };
    const refused = await send("/payload", { method: "POST", body, headers });
    assert.equal(refused.status, 403);
    assert.equal(JSON.parse(refused.text).code, "cross_site");
    assert.equal(refused.headers.get("connection"), "close");
    assert.equal(pulled, 0);
    assert.deepEqual(rejected, ["cross_site"]);
    assert.equal((await send("/status", { headers })).status, 200, "a page cannot read the answer");
  }
});

Deno.test("POST /payload logs its own reason for each way in which a job left the queue", async () => {
  const reasons = [
    ["canceled", "client_gone"],
    ["queue_timeout", "queue_timeout"],
    ["shutdown", "draining"],
    ["queue_unavailable", "queue_unavailable"],
  ] as const;
  for (const [cause, reason] of reasons) {
    const { post, log } = setUp({
      submit: () => Promise.resolve({ kind: "left", cause, queuedSec: 2, retryAfterSec: 1 }),
    });
    await post(job);
    assert.equal(log[0]?.[1]?.["reason"], reason);
    assert.equal(log[0]?.[1]?.["queued_sec"], 2);
  }
});

Deno.test("POST /payload passes a disconnect on to the queue, from the request and from the connection", async () => {
  const request = new AbortController();
  let signal: AbortSignal | undefined;
  let connectionGone: (() => void) | undefined;
  let disposed = false;
  const outcome = Promise.withResolvers<JobOutcome>();
  const { send } = setUp({
    reserve(_about, itsSignal) {
      signal = itsSignal;
      return {
        reserved: true,
        fill: () => outcome.promise,
        leave: () =>
          outcome.resolve({ kind: "left", cause: "canceled", queuedSec: 0, retryAfterSec: 1 }),
        position: () => 0,
      };
    },
    watch(_address, onGone) {
      connectionGone = onGone;
      return { [Symbol.dispose]: () => disposed = true };
    },
  });
  const answer = send("/payload", { method: "POST", body: job, signal: request.signal });
  while (!connectionGone) await nextTurn();
  request.abort();
  assert.equal(signal?.aborted, true);
  assert.equal(disposed, false);
  connectionGone();
  assert.equal((await answer).status, 400);
  assert.equal(disposed, true);
});

Deno.test("POST /payload holds the payload until it is stored, then what the command writes", async () => {
  const { post, held } = setUp({
    submit(spec, handle) {
      assert.equal(held(), 5);
      handle.onInputStored();
      assert.equal(held(), 0);
      handle.onCaptured(7);
      assert.equal(held(), 7);
      return Promise.resolve(ranOf(spec));
    },
  });
  assert.equal((await post(job)).status, 200);
  assert.equal(held(), 0);
});

Deno.test("POST /payload answers 503 with the queue's length and Retry-After when the queue is full", async () => {
  const { post, held } = setUp({
    refusal: { reserved: false, cause: "queue_full", waiting: 30, retryAfterSec: 12 },
  });
  const { status, headers, text } = await post(job);
  assert.equal(status, 503);
  assert.equal(text, "job queue too large (30)\n");
  assert.equal(headers.get("retry-after"), "12");
  assert.equal(held(), 0);
});

Deno.test("POST /payload answers 503 with Retry-After while the server stops", async () => {
  const { post } = setUp({
    refusal: { reserved: false, cause: "draining", waiting: 0, retryAfterSec: 1 },
  });
  const { status, headers } = await post(job);
  assert.equal(status, 503);
  assert.equal(headers.get("retry-after"), "1");
});

Deno.test("POST /payload answers 5xx without internals for a run that the server could not attempt", async () => {
  const cases = [["spool_unusable", 500], ["spawn_refused", 503], ["internal", 500]] as const;
  for (const [kind, status] of cases) {
    const { post } = setUp({
      submit: () => Promise.resolve({ kind: "failed", failure: { kind, reason: "/secret/path" } }),
    });
    const answer = await post(job);
    assert.equal(answer.status, status);
    assert.ok(!answer.text.includes("secret"));
  }
});
