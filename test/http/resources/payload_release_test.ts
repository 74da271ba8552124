import assert from "node:assert/strict";
import type { JobOutcome, LeaveCause, RunFailure } from "../../../src/jobs/job.ts";
import { byHand } from "../../support/deadlines.ts";
import { ranOf } from "../../support/jobs.ts";
import { job, type Setup, setUp } from "../../support/routes.ts";
import { nextTurn } from "../../support/turn.ts";

/** A request for a job that ends in some way. */
interface End {
  readonly what: string;
  readonly setup?: Setup;
  readonly init?: () => RequestInit;
  readonly status: number;
}

const left = (cause: LeaveCause): JobOutcome => ({
  kind: "left",
  cause,
  queuedSec: 1,
  retryAfterSec: 1,
});

const failed = (kind: RunFailure["kind"]): JobOutcome => ({
  kind: "failed",
  failure: { kind, reason: "for a test" },
});

const submit = (outcome: JobOutcome): Setup => ({ submit: () => Promise.resolve(outcome) });

const bug = () => {
  throw new Error("a bug");
};

/** Every way in which a request for a job ends. */
const ends: readonly End[] = [
  {
    what: "it is for a foreign host",
    init: () => ({ headers: { host: "evil.example" } }),
    status: 403,
  },
  {
    what: "a page of another origin sent it",
    init: () => ({ headers: { "sec-fetch-site": "cross-site" } }),
    status: 403,
  },
  { what: "it lacks the password", setup: { password: "p" }, status: 401 },
  { what: "the server drains", setup: { ready: false }, status: 503 },
  {
    what: "its body is encoded",
    init: () => ({ headers: { "content-encoding": "gzip" } }),
    status: 415,
  },
  { what: "its body is too large", setup: { limits: { maxBytes: 3 } }, status: 413 },
  {
    what: "its body is larger than the room for all bodies",
    setup: { maxBufferedBytes: 0 },
    status: 413,
  },
  { what: "its body is no job", init: () => ({ body: "[]" }), status: 400 },
  {
    what: "its body breaks off",
    init: () => ({ body: new ReadableStream({ pull: (it) => it.error(new Error("broken")) }) }),
    status: 400,
  },
  {
    what: "the queue is full",
    setup: { refusal: { reserved: false, cause: "queue_full", waiting: 1, retryAfterSec: 1 } },
    status: 503,
  },
  {
    what: "the queue is closed",
    setup: { refusal: { reserved: false, cause: "draining", waiting: 0, retryAfterSec: 1 } },
    status: 503,
  },
  { what: "its client left the queue", setup: submit(left("canceled")), status: 400 },
  { what: "it waited too long", setup: submit(left("queue_timeout")), status: 503 },
  { what: "the server stopped", setup: submit(left("shutdown")), status: 503 },
  { what: "the shared queue took no more jobs", setup: submit(left("queue_full")), status: 503 },
  { what: "the shared queue is away", setup: submit(left("queue_unavailable")), status: 503 },
  { what: "its files could not be written", setup: submit(failed("spool_unusable")), status: 500 },
  { what: "no process could be started", setup: submit(failed("spawn_refused")), status: 503 },
  { what: "its machine was lost", setup: submit(failed("node_lost")), status: 502 },
  { what: "a worker had a bug", setup: submit(failed("internal")), status: 500 },
  { what: "its job ran", status: 200 },
  { what: "the queue has a bug", setup: { reserve: bug }, status: 500 },
  { what: "its place has a bug", setup: { submit: bug }, status: 500 },
  {
    what: "its outcome is a bug",
    setup: { submit: () => Promise.reject(new Error("a bug")) },
    status: 500,
  },
  { what: "the watch of its client has a bug", setup: { watch: bug }, status: 500 },
];

for (const { what, setup = {}, init = () => ({}), status } of ends) {
  Deno.test(`POST /payload releases its command once when ${what}`, async () => {
    for (const path of ["/payload", "/payload/pdf"]) {
      const { send, doors } = setUp(
        path === "/payload" ? setup : { ...setup, commands: { pdf: {} } },
      );
      const answer = await send(path, { method: "POST", body: job, ...init() });
      assert.equal(answer.status, status, answer.text);
      assert.deepEqual(doors, { opened: 1, released: 1 });
    }
  });
}

Deno.test("POST /payload has nothing to release if there is no such command", async () => {
  const { post, doors } = setUp({ commands: { pdf: {} } });
  for (const path of ["/payload", "/payload/pdff"]) {
    assert.equal((await post(job, {}, path)).status, 404);
  }
  assert.deepEqual(doors, { opened: 0, released: 0 });
});

Deno.test("POST /payload keeps its command until its job has its outcome, also when the client is gone", async () => {
  const outcome = Promise.withResolvers<JobOutcome>();
  const client = new AbortController();
  let gone = () => {};
  let watching = () => {};
  const watched = new Promise<void>((resolve) => watching = resolve);
  const { send, doors } = setUp({
    submit: (spec) => outcome.promise.then(() => ranOf(spec)),
    watch(_address, onGone) {
      gone = onGone;
      watching();
      return { [Symbol.dispose]() {} };
    },
  });
  const { signal } = client;
  const answer = send("/payload", { method: "POST", body: job, signal });
  await watched;
  client.abort();
  gone();
  await nextTurn();
  assert.deepEqual(doors, { opened: 1, released: 0 });
  outcome.resolve(left("canceled"));
  await answer;
  assert.deepEqual(doors, { opened: 1, released: 1 });
});

Deno.test("POST /payload keeps its command while it waits for the body, and releases it when that is too slow", async () => {
  const periods = byHand(1000);
  const { send, doors } = setUp({ limits: { periods } });
  const answer = send("/payload", { method: "POST", body: new ReadableStream({}) });
  await nextTurn();
  assert.deepEqual(doors, { opened: 1, released: 0 });
  periods.over();
  assert.equal((await answer).status, 408);
  assert.deepEqual(doors, { opened: 1, released: 1 });
});
