import assert from "node:assert/strict";
import fc from "fast-check";
import { createDeadlines } from "../../src/async/deadlines.ts";
import type { Admission, JobRequest } from "../../src/jobs/job.ts";
import { catalogue } from "../../src/telemetry/catalogue.ts";
import { routes } from "../../src/wire/resources.ts";
import { base64 } from "../support/client.ts";
import { admitted, resultOf, type Setup, setUp } from "../support/routes.ts";

const job = JSON.stringify({ id: "some id", data: base64("hello") });

Deno.test("a job's result is the answer to its request", async () => {
  const { post, held } = setUp();
  const { status, headers, text } = await post(job);
  assert.equal(status, 200);
  assert.equal(headers.get("content-type"), "application/json");
  assert.equal(JSON.parse(text).output, base64("hello"));
  assert.equal(held(), 0);
});

Deno.test("a body is read whatever the request's Content-Type", async () => {
  const { post } = setUp();
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "nonsense"]) {
    assert.equal((await post(job, { "content-type": type })).status, 200);
  }
});

Deno.test("a charset is named to who sends a body that is not UTF-8, and never matters otherwise", async () => {
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

Deno.test("paths and methods: 404, 405 with Allow, HEAD where GET is", async () => {
  const { send } = setUp();
  assert.equal((await send("/index.html")).status, 404);
  assert.equal((await send("/payload/")).status, 404);
  for (const method of ["GET", "HEAD", "PUT", "DELETE"]) {
    const { status, headers, text } = await send("/payload", { method });
    assert.equal(status, 405, method);
    assert.equal(headers.get("allow"), "POST, OPTIONS");
    assert.equal(text, method === "HEAD" ? "" : "This path takes POST only\n");
  }
  for (const path of ["/", "/status", "/metrics", "/version", "/livez", "/readyz"]) {
    const { status, headers } = await send(path, { method: "POST", body: "x" });
    assert.equal(status, 405, path);
    assert.equal(headers.get("allow"), "GET, HEAD, OPTIONS");
    const got = await send(path);
    const head = await send(path, { method: "HEAD" });
    assert.equal(got.status, 200, path);
    assert.equal(head.status, 200, path);
    assert.equal(head.text, "");
    for (const name of ["content-type", "content-length", "cache-control"]) {
      assert.equal(head.headers.get(name), got.headers.get(name), `${path} ${name}`);
    }
    assert.equal(Number(got.headers.get("content-length")), got.text.length);
  }
});

Deno.test("OPTIONS is 204 with Allow everywhere, without a word for other origins", async () => {
  const { send, log } = setUp({ ready: false });
  for (
    const [path, allow] of [
      ["/*", "GET, HEAD, POST, OPTIONS"], // what the runtime makes of OPTIONS *
      ["/", "GET, HEAD, OPTIONS"],
      ["/payload", "POST, OPTIONS"],
      ["/status", "GET, HEAD, OPTIONS"],
      ["/nowhere", "OPTIONS"],
    ] as const
  ) {
    const headers = {
      host: "evil.example",
      origin: "http://evil.example",
      "access-control-request-method": "POST",
      "access-control-request-headers": "x-jr-password",
    };
    const answer = await send(path, { method: "OPTIONS", headers });
    assert.deepEqual([answer.status, answer.text], [204, ""], path);
    assert.equal(answer.headers.get("allow"), allow);
    const names = [...answer.headers.keys()];
    assert.deepEqual(names.sort(), ["allow", "cache-control", "x-request-id"], path);
  }
  assert.deepEqual(log, []);
});

Deno.test("GET / names the endpoints in one line", async () => {
  const { headers, text } = await setUp().send("/");
  assert.equal(headers.get("content-type"), "text/plain; charset=utf-8");
  assert.match(text, /^[^\n]+\n$/);
  for (const path of routes.slice(1)) assert.ok(text.includes(path), path);
});

Deno.test("without a password, a Host that is not the server's is 403 but where balancers look", async () => {
  const { send, post, log, rejected } = setUp({ hostNames: ["jobs.example.com"] });
  const asked = (path: string, host: string, method = "GET") =>
    send(path, { method, headers: { host, accept: "application/json" } }, `http://${host}`);
  for (const path of ["/", "/livez", "/readyz"]) {
    assert.equal((await asked(path, "evil.example")).status, 200, path);
    assert.equal((await asked(path, "evil.example", "POST")).status, 405, path);
  }
  for (const path of ["/status", "/metrics", "/version", "/payload", "/nowhere", "//payload"]) {
    for (const method of ["GET", "HEAD", "PUT"]) {
      const { status, text } = await asked(path, "evil.example", method);
      assert.equal(status, 403, `${method} ${path}`);
      if (text) assert.equal(JSON.parse(text).code, "unknown_host");
    }
    assert.notEqual((await asked(path, "jobs.example.com:8080")).status, 403);
  }
  assert.deepEqual(rejected, [], "none of these was to run a job");
  const refused = await post(job, { host: "evil.example", origin: "http://other.example" });
  assert.equal(refused.status, 403);
  assert.equal(refused.headers.get("connection"), "close", "its body was not read");
  assert.match(refused.text, /JOBRUNNER_ALLOWED_HOSTS/);
  assert.deepEqual(rejected, ["unknown_host"]);
  assert.equal(log.at(-1)?.[1]?.["server.address"], "evil.example");
  await post(job, { host: `${"a.".repeat(500)}example` });
  assert.equal(String(log.at(-1)?.[1]?.["server.address"]).length, 253);
  const withPassword = setUp({ password: "p" });
  assert.equal(
    (await withPassword.send("/status", { headers: { host: "evil.example" } })).status,
    200,
  );
});

Deno.test("a page of another origin runs no job, password or not, before the body is read", async () => {
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

Deno.test("with a password, the status names jobs to none but who sends it", async () => {
  const workers = [{ id: 1, sinceSec: 1, job: { id: "i", requestId: "r", pid: 17 } }];
  const statesFor = async (setup: Setup, headers: Record<string, string>) =>
    JSON.parse((await setUp({ ...setup, status: { workers } }).send("/status", { headers })).text)
      .worker_states;
  const all = [{ worker_id: 1, state: "running", since_sec: 1, id: "i", request_id: "r", pid: 17 }];
  const few = [{ worker_id: 1, state: "running", since_sec: 1 }];
  assert.deepEqual(await statesFor({}, {}), all);
  assert.deepEqual(await statesFor({ password: "p" }, { "x-jr-password": "p" }), all);
  for (const headers of [{}, { "x-jr-password": "" }, { "x-jr-password": "wrong" }]) {
    assert.deepEqual(await statesFor({ password: "p" }, headers as Record<string, string>), few);
  }
});

Deno.test("the pages say what they are about", async () => {
  const { send } = setUp();
  assert.equal((await send("/livez")).text, "ok\n");
  assert.equal((await send("/readyz")).text, "ready\n");
  assert.equal((await send("/version")).text, '{"version":"1.2.3"}\n');
  assert.equal((await send("/metrics")).text, "a_metric 1\n");
  assert.match(
    (await send("/metrics")).headers.get("content-type") ?? "",
    /^text\/plain; version=0\.0\.4/,
  );
  assert.match((await send("/status")).text, /^{"queued_jobs":2,"total_jobs":5,/);
});

Deno.test("a draining server is alive but not ready", async () => {
  const { send } = setUp({ ready: false });
  assert.equal((await send("/livez")).status, 200);
  for (const path of ["/readyz", "/"]) {
    const { status, headers } = await send(path);
    assert.equal(status, 503);
    assert.equal(headers.get("retry-after"), "7");
  }
  assert.equal(JSON.parse((await send("/status")).text).state, "draining");
});

Deno.test("a wrong or missing password is 401 before the body is read", async () => {
  const { post, send } = setUp({ password: "päss wörd" });
  // Header values travel as bytes, one character each.
  const asBytes = String.fromCharCode(...new TextEncoder().encode("päss wörd"));
  assert.equal((await post(job, { "x-jr-password": asBytes })).status, 200);
  let pulled = 0;
  const body = new ReadableStream({ pull: () => void pulled++ }, { highWaterMark: 0 });
  const refused = await send("/payload", { method: "POST", body });
  assert.equal(refused.status, 401);
  assert.equal(refused.text, "Invalid password supplied in X-JR-PASSWORD header\n");
  assert.ok(refused.headers.get("www-authenticate"));
  assert.equal(pulled, 0);
  for (const wrong of ["", "x", `${asBytes}x`, asBytes.slice(1)]) {
    assert.equal((await post(job, { "x-jr-password": wrong })).status, 401, wrong);
  }
});

Deno.test("a server without a password ignores any that is sent", async () => {
  assert.equal((await setUp().post(job, { "x-jr-password": "anything" })).status, 200);
});

Deno.test("a body over the limit is 413, announced or not, and nothing stays held", async () => {
  const { post, held } = setUp({ limits: { maxBytes: job.length } });
  assert.equal((await post(job)).status, 200);
  assert.equal((await post(`${job} `)).status, 413);
  const pieces = ReadableStream.from([new TextEncoder().encode(job), new Uint8Array([32])]);
  const counted = await post(pieces);
  assert.equal(counted.status, 413);
  assert.equal(counted.text, `The body is larger than ${job.length} bytes\n`);
  assert.equal(held(), 0);
});

Deno.test("a Content-Length over the limit is refused without reading", async () => {
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

Deno.test("a Content-Length that is no number is refused and touches no budget", async () => {
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

Deno.test("a body whose length is known never counts for more than that, in however many pieces it comes", async () => {
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

Deno.test("a large answer is the same as a small one", async () => {
  const output = {
    bytes: new Uint8Array(9_000_001).map((_, index) => index % 241),
    truncated: false,
  };
  const { post } = setUp({
    submit: (request) =>
      admitted(Promise.resolve({ kind: "ran", result: { ...resultOf(request), output } })),
  });
  const expected = output.bytes.toBase64();
  const { text } = await post(job);
  assert.equal(JSON.parse(text).output, expected);
  assert.equal(output.bytes.length, 0, "its memory is given back");
});

Deno.test("a double slash is redirected, keeping the method", async () => {
  const { send } = setUp();
  const { status, headers } = await send("//payload", { method: "POST", body: job });
  assert.deepEqual([status, headers.get("location")], [308, "/payload"]);
  assert.equal((await send("//elsewhere//x")).headers.get("location"), "/elsewhere/x");
  for (const odd of ["%E2%82%AC", "a%20b", "a%0ab", "%ff"]) {
    const { status, headers } = await send(`//${odd}`);
    assert.deepEqual([status, headers.get("location")], [308, `/${odd}`]);
  }
});

Deno.test("a job that left the line has its own reason in the log", async () => {
  const { post, log } = setUp({
    submit: () =>
      admitted(
        Promise.resolve({ kind: "left", cause: "canceled", queuedSec: 2, retryAfterSec: 1 }),
      ),
  });
  await post(job);
  assert.equal(log[0]?.[1]?.["reason"], "client_gone");
});

Deno.test("a body that does not come in time is 408 and is let go", async () => {
  const { send, held } = setUp({ limits: { periods: createDeadlines(10) } });
  let canceled = false;
  const body = new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode('{"id":')),
    cancel: () => void (canceled = true),
  });
  const { status, text } = await send("/payload", { method: "POST", body });
  assert.equal(status, 408);
  assert.equal(text, "Less than 16384 bytes a second of the body arrived in 0.01 seconds\n");
  assert.ok(canceled);
  assert.equal(held(), 0);
});

Deno.test("a body with a Content-Encoding is 415, says what is accepted, and is not read", async () => {
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

/** A body that comes in pieces of a size, as the runtime hands over chunks; it tells whether it was canceled. */
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

Deno.test("a chunked body beyond 8 MiB or in tiny pieces is 411, and its rest is neither read nor canceled", async () => {
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
    assert.match(text, /^A body without Content-Length may have 8388608 bytes, /);
    assert.ok(state.sent <= mostRead, `${state.sent} bytes in pieces of ${pieceBytes} were read`);
    assert.ok(!state.canceled);
  }
  assert.deepEqual(rejected, ["invalid", "invalid", "invalid"]);
  assert.equal(held(), 0);
});

Deno.test("a chunked body within the bounds is read, and one of known length has no such bounds", async () => {
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

Deno.test("a chunked body that does not come in time is 408 and is not canceled", async () => {
  const { send, held } = setUp({ limits: { periods: createDeadlines(10) } });
  let canceled = false;
  const body = new ReadableStream({ cancel: () => void (canceled = true) });
  const headers = { "transfer-encoding": "chunked" };
  const { status } = await send("/payload", { method: "POST", body, headers });
  assert.equal(status, 408);
  assert.ok(!canceled);
  assert.equal(held(), 0);
});

Deno.test("a body that breaks off is 400", async () => {
  const { send, held } = setUp();
  const body = new ReadableStream({ pull: (controller) => controller.error(new Error("gone")) });
  assert.equal((await send("/payload", { method: "POST", body })).status, 400);
  assert.equal(held(), 0);
});

Deno.test("payloads that are read or waiting share one budget; beyond it 503 with Retry-After", async () => {
  const waiting: JobRequest[] = [];
  const settle: (() => void)[] = [];
  const { post, held } = setUp({
    maxBufferedBytes: job.length + 5,
    submit: (request) => {
      waiting.push(request);
      return admitted(
        new Promise((resolve) =>
          settle.push(() => resolve({ kind: "ran", result: resultOf(request) }))
        ),
      );
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
  waiting[0]?.onPayloadStored();
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

Deno.test("a body larger than the whole budget would never fit and is 413", async () => {
  assert.equal((await setUp({ maxBufferedBytes: 10 }).post(job)).status, 413);
});

Deno.test("a full line is 503 with its length, as clients know it, and Retry-After", async () => {
  const { post, held } = setUp({
    submit: () => ({ admitted: false, refusal: "queue_full", waiting: 30, retryAfterSec: 12 }),
  });
  const { status, headers, text } = await post(job);
  assert.equal(status, 503);
  assert.equal(text, "job queue too large (30)\n");
  assert.equal(headers.get("retry-after"), "12");
  assert.equal(held(), 0);
});

Deno.test("a stopping server refuses jobs with Retry-After", async () => {
  const { post } = setUp({
    submit: () => ({ admitted: false, refusal: "draining", waiting: 0, retryAfterSec: 1 }),
  });
  const { status, headers } = await post(job);
  assert.equal(status, 503);
  assert.equal(headers.get("retry-after"), "1");
});

Deno.test("a run that the server could not try is 5xx and says nothing of its inside", async () => {
  for (const [kind, status] of [["spool_unusable", 500], ["spawn_refused", 503]] as const) {
    const { post } = setUp({
      submit: () =>
        admitted(Promise.resolve({ kind: "failed", fault: { kind, reason: "/secret/path" } })),
    });
    const answer = await post(job);
    assert.equal(answer.status, status);
    assert.ok(!answer.text.includes("secret"));
  }
});

Deno.test("a bug is a 500 for that request, with the stack in the log only", async () => {
  const { post, log } = setUp({
    submit: () => {
      throw new Error("a bug");
    },
  });
  const { status, text } = await post(job);
  assert.equal(status, 500);
  assert.ok(!text.includes("a bug"));
  assert.match(String(log[0]?.[1]?.["exception.stacktrace"]), /Error: a bug\n.*routes_test/s);
});

Deno.test("errors are plain text, and problem details when Accept asks for JSON", async () => {
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

Deno.test("X-Request-Id is taken if short and safe, else made; it is echoed and logged", async () => {
  const { post, log } = setUp();
  const idOf = async (given?: string) =>
    (await post("{}", given === undefined ? {} : { "x-request-id": given })).headers.get(
      "x-request-id",
    );
  assert.equal(await idOf("Abc-1_2="), "Abc-1_2=");
  assert.equal(log.at(-1)?.[1]?.["request_id"], "Abc-1_2=");
  for (const unsafe of [undefined, "", "a b", "a;b", "x".repeat(129)]) {
    const made = await idOf(unsafe);
    assert.match(made ?? "", /^[0-9a-f-]{36}$/, unsafe);
    assert.equal(log.at(-1)?.[1]?.["request_id"], made);
  }
});

Deno.test("whatever the body is, the answer is 200 or 4xx and nothing of it is logged", async () => {
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

Deno.test("each rejection of a job is counted under its reason; other refusals are none", async () => {
  const left = (cause: "canceled" | "queue_timeout" | "shutdown") => ({
    submit: () =>
      admitted(Promise.resolve({ kind: "left", cause, queuedSec: 2, retryAfterSec: 1 })),
  });
  const refused = (refusal: "queue_full" | "draining") => ({
    submit: (): Admission => ({ admitted: false, refusal, waiting: 3, retryAfterSec: 1 }),
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

Deno.test("every answer is observed with its route; a path that does not exist has none", async () => {
  const { send, post, answered } = setUp();
  for (const path of routes) await send(path);
  await post(job);
  await send("/what/ever", { method: "BREW" });
  assert.deepEqual(answered, [
    ["GET", "/", 200],
    ["GET", "/payload", 405],
    ["GET", "/status", 200],
    ["GET", "/metrics", 200],
    ["GET", "/version", 200],
    ["GET", "/livez", 200],
    ["GET", "/readyz", 200],
    ["POST", "/payload", 200],
    ["BREW", undefined, 404],
  ]);
  assert.deepEqual(catalogue.httpDuration.labels.http_route, routes);
});

Deno.test("access lines are there when they are wanted", async () => {
  for (const accessLog of [false, true]) {
    const { send, log } = setUp({ accessLog });
    await send("/status?secret=1", { headers: { "x-request-id": "r1" } });
    const lines = log.map((
      [message, fields],
    ) => [message, fields?.["url.path"], fields?.["request_id"]]);
    assert.deepEqual(lines, accessLog ? [["request answered", "/status", "r1"]] : []);
  }
});

Deno.test("a saturated server is ready, and says that it is saturated", async () => {
  const busy = { id: 1, sinceSec: 1, job: { id: "i", requestId: "r" } };
  const full = setUp({ status: { waiting: 30, queueLimit: 30, workers: [busy] } });
  const { status, text } = await full.send("/readyz");
  assert.equal(status, 200);
  assert.equal(text, "ready, saturated: 30 of 30 places are taken\n");
  const idle = setUp({ status: { waiting: 0, queueLimit: 0, workers: [{ id: 1, sinceSec: 1 }] } });
  assert.equal((await idle.send("/readyz")).text, "ready\n");
});

Deno.test("what depends on a client's bytes is marked as done for its request: the beginning, the body, the answer", async () => {
  const { post, send, worked } = setUp({ password: "x" });
  const marked = () => worked.splice(0).map(([id, result]) => `${id} ${kindOf(result)}`);
  const kindOf = (result: unknown) =>
    result instanceof Promise ? "beginning" : Object.keys(result as object)[0];
  await post(job, { "x-request-id": "r1", "x-jr-password": "x" });
  assert.deepEqual(marked(), ["r1 beginning", "r1 ok", "r1 body"]);
  await post("{", { "x-request-id": "r2", "x-jr-password": "x" });
  assert.deepEqual(marked(), ["r2 beginning", "r2 ok", "r2 status"]);
  await send("/nowhere", { headers: { "x-request-id": "r3" } });
  assert.equal(marked()[0], "r3 status");
});
