import assert from "node:assert/strict";
import fc from "fast-check";
import { createDeadlines } from "../../../src/async/deadlines.ts";
import { base64 } from "../../support/client.ts";
import type { JobHandle } from "../../../src/jobs/job.ts";
import { ranOf } from "../../support/jobs.ts";
import { job, setUp } from "../../support/routes.ts";

Deno.test("POST /payload reads a body whatever its Content-Type", async () => {
  const { post } = setUp();
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "nonsense"]) {
    assert.equal((await post(job, { "content-type": type })).status, 200);
  }
});

Deno.test("POST /payload names the charset only when it refuses a body that is not UTF-8", async () => {
  const { post, log } = setUp();
  const headers = { "content-type": "application/json; charset=windows-1252" };
  assert.equal((await post(job, headers)).status, 200);
  const umlaut = JSON.stringify({ id: "Müller", data: base64("hello") });
  assert.equal((await post(umlaut, headers)).status, 200);
  const bytes = Uint8Array.from(umlaut, (character) => character.charCodeAt(0));
  const sentence = "The body is not UTF-8 text (byte 9 is 0xFC)";
  assert.deepEqual(await post(bytes, headers).then(({ status, text }) => [status, text]), [
    400,
    `${sentence}, and its Content-Type says charset=windows-1252: send UTF-8\n`,
  ]);
  assert.equal(log.at(-1)?.[1]?.["reason"], "invalid");
  assert.equal((await post(bytes)).text, `${sentence}: send UTF-8\n`);
});

Deno.test("POST /payload answers 413 to a body over the limit, announced or not, and holds nothing of it", async () => {
  const { post, held } = setUp({ limits: { maxBytes: job.length } });
  assert.equal((await post(job)).status, 200);
  assert.equal((await post(`${job} `)).status, 413);
  const pieces = ReadableStream.from([new TextEncoder().encode(job), new Uint8Array([32])]);
  const counted = await post(pieces);
  assert.equal(counted.status, 413);
  assert.equal(counted.text, `The body is larger than ${job.length} bytes\n`);
  assert.equal(held(), 0);
});

Deno.test("POST /payload refuses a Content-Length over the limit without reading", async () => {
  const { send } = setUp({ limits: { maxBytes: 10 } });
  let pulled = 0;
  const body = new ReadableStream({ pull: () => void pulled++ }, { highWaterMark: 0 });
  const { status } = await send("/payload", {
    method: "POST",
    body,
    headers: { "content-length": "11" },
  });
  assert.equal(status, 413);
  assert.equal(pulled, 0);
});

Deno.test("POST /payload refuses a Content-Length that is not a number, and holds nothing for it", async () => {
  const { send, held } = setUp({ maxBufferedBytes: 1000 });
  for (const length of ["5, 5", "-1", "1e3", "x"]) {
    const { status } = await send("/payload", {
      method: "POST",
      body: job,
      headers: { "content-length": length },
    });
    assert.equal(status, 400, length);
    assert.equal(held(), 0);
  }
});

Deno.test("POST /payload never counts a body for more than its Content-Length, in however many pieces", async () => {
  const { send } = setUp({ maxBufferedBytes: job.length });
  const bytes = new TextEncoder().encode(job);
  const body = ReadableStream.from([
    bytes.subarray(0, 30),
    bytes.subarray(30, 31),
    bytes.subarray(31),
  ]);
  const headers = { "content-length": String(job.length) };
  assert.equal((await send("/payload", { method: "POST", body, headers })).status, 200);
});

Deno.test("POST /payload answers 408 to a body that does not come in time, and cancels it", async () => {
  const { send, held } = setUp({ limits: { periods: createDeadlines(10) } });
  let canceled = false;
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode('{"id":')),
    cancel: () => void (canceled = true),
  });
  const { status, text } = await send("/payload", { method: "POST", body });
  assert.equal(status, 408);
  assert.equal(text, "The body arrived at less than 16384 bytes per second for 0.01 seconds\n");
  assert.ok(canceled);
  assert.equal(held(), 0);
});

Deno.test("POST /payload answers 415 to a Content-Encoding, says what is accepted, and reads no body", async () => {
  const { send, post, held } = setUp();
  for (const encoding of ["gzip", "GZIP", "identity, br", "x-y", "deflate , identity"]) {
    let pulled = 0;
    const body = new ReadableStream({ pull: () => void pulled++ }, { highWaterMark: 0 });
    const headers = { "content-encoding": encoding, "accept": "application/json" };
    const refused = await send("/payload", { method: "POST", body, headers });
    assert.equal(refused.status, 415, encoding);
    assert.equal(refused.headers.get("accept-encoding"), "identity");
    assert.equal(JSON.parse(refused.text).code, "unsupported_encoding");
    assert.equal(pulled, 0);
  }
  for (const encoding of ["identity", "Identity , identity", ""]) {
    assert.equal((await post(job, { "content-encoding": encoding })).status, 200, encoding);
  }
  assert.equal(held(), 0);
});

/** A body that comes in pieces of a size, as the runtime hands over chunks; `state` has whether it was canceled. */
function chunked(pieceBytes: number, bytes: number) {
  const state = { sent: 0, canceled: false };
  const piece = new Uint8Array(pieceBytes).fill(0x20);
  const body = new ReadableStream({
    pull(controller) {
      if (state.sent >= bytes) return controller.close();
      controller.enqueue(piece.slice());
      state.sent += pieceBytes;
    },
    cancel: () => void (state.canceled = true),
  });
  return { state, body };
}

Deno.test("POST /payload answers 411 to a chunked body over 8 MiB or in tiny pieces, and leaves the rest", async () => {
  const { send, held, rejected } = setUp();
  const headers = { "transfer-encoding": "chunked" };
  for (
    const [pieceBytes, bytes, mostRead] of [
      [65_536, 50_000_000, 9_000_000],
      [1, 100_000, 1_100],
      [1_000, 50_000_000, 1_500_000],
    ] as const
  ) {
    const { state, body } = chunked(pieceBytes, bytes);
    const { status, text } = await send("/payload", { method: "POST", body, headers });
    assert.equal(status, 411, `pieces of ${pieceBytes}`);
    assert.match(text, /^A body without Content-Length may have at most 8388608 bytes, /);
    assert.ok(state.sent <= mostRead, `${state.sent} bytes in pieces of ${pieceBytes} were read`);
    assert.ok(!state.canceled);
  }
  assert.deepEqual(rejected, ["invalid", "invalid", "invalid"]);
  assert.equal(held(), 0);
});

Deno.test("POST /payload reads a chunked body within the bounds, and any of known length", async () => {
  const { send } = setUp();
  const job = (size: number) => JSON.stringify({ id: "x", data: new Uint8Array(size).toBase64() });
  for (
    const [size, pieceBytes, headers] of [
      [6_000_000, 65_536, { "transfer-encoding": "chunked" }],
      [600, 1, { "transfer-encoding": "chunked" }],
      [20_000, 1, {}],
    ] as const
  ) {
    const bytes = new TextEncoder().encode(job(size));
    const pieces = Array.from(
      { length: Math.ceil(bytes.length / pieceBytes) },
      (_, index) => bytes.slice(index * pieceBytes, (index + 1) * pieceBytes),
    );
    const body = ReadableStream.from(pieces);
    const { status, text } = await send("/payload", { method: "POST", body, headers });
    assert.equal(status, 200, text);
  }
});

Deno.test("POST /payload answers 408 to a chunked body that does not come in time, and does not cancel it", async () => {
  const { send, held } = setUp({ limits: { periods: createDeadlines(10) } });
  let canceled = false;
  const body = new ReadableStream({ cancel: () => void (canceled = true) });
  const headers = { "transfer-encoding": "chunked" };
  const { status } = await send("/payload", { method: "POST", body, headers });
  assert.equal(status, 408);
  assert.ok(!canceled);
  assert.equal(held(), 0);
});

Deno.test("POST /payload answers 400 to a body that breaks off", async () => {
  const { send, held } = setUp();
  const body = new ReadableStream({ pull: (controller) => controller.error(new Error("gone")) });
  assert.equal((await send("/payload", { method: "POST", body })).status, 400);
  assert.equal(held(), 0);
});

Deno.test("POST /payload has one budget for payloads read or waiting; beyond it 503 with Retry-After", async () => {
  const waiting: JobHandle[] = [];
  const settle: (() => void)[] = [];
  const { post, held } = setUp({
    maxBufferedBytes: job.length + 5,
    submit: (spec, handle) => {
      waiting.push(handle);
      return new Promise((resolve) => settle.push(() => resolve(ranOf(spec))));
    },
  });
  const first = post(job);
  while (waiting.length < 1) await Promise.resolve();
  assert.equal(held(), 5, "once read, only the payload counts");
  const second = post(job);
  while (waiting.length < 2) await Promise.resolve();
  const third = await post(job);
  assert.equal(third.status, 503);
  assert.equal(third.headers.get("retry-after"), "7");
  waiting[0]?.onInputStored();
  const fourth = post(job);
  while (waiting.length < 3) await Promise.resolve();
  for (const done of settle) done();
  assert.deepEqual((await Promise.all([first, second, fourth])).map(({ status }) => status), [
    200,
    200,
    200,
  ]);
  assert.equal(held(), 0);
});

Deno.test("POST /payload answers 413 to a body larger than the whole budget", async () => {
  assert.equal((await setUp({ maxBufferedBytes: 10 }).post(job)).status, 413);
});

Deno.test("POST /payload answers 200 or 4xx to any body, and logs nothing of it", async () => {
  const { post, log, held } = setUp();
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => new Uint8Array(bytes)),
    fc.json(),
    fc.record({ id: fc.anything(), data: fc.anything() }).map((value) => {
      try {
        return JSON.stringify(value);
      } catch {
        return "{}";
      }
    }),
  );
  await fc.assert(fc.asyncProperty(anything, async (body) => {
    const { status } = await post(body);
    assert.ok(status === 200 || (status >= 400 && status < 500), String(status));
    assert.equal(held(), 0);
  }));
  for (const [message, fields = {}] of log) {
    assert.equal(message, "request refused");
    const present = Object.entries(fields).filter(([, value]) => value !== undefined);
    assert.deepEqual(present.map(([name]) => name).sort(), [
      "detail",
      "http.request.method",
      "http.response.status_code",
      "reason",
      "request_id",
      "url.path",
    ]);
    assert.match(
      String(fields["detail"]),
      /^(The body is (empty|not (valid JSON( \(at position \d+\))?|a JSON object but (null|an? [a-z]+)|UTF-8 text \(byte \d+ is 0x[89A-F][\dA-F]\): send UTF-8)|UTF-(16|32) text: send UTF-8)|Json key '[a-z_]+' [^"]*)$/,
    );
  }
});
