import assert from "node:assert/strict";
import { answerOf, exchange, type NoResult, type SendOutcome } from "../../src/cli/exchange.ts";
import { failureOf, hasNoRun, retryAfter } from "../../src/cli/no_result.ts";
import { errors } from "../../src/http/answer/errors.ts";
import { type Problem, problemAnswer } from "../../src/http/answer/problem.ts";
import { freePort } from "../support/port.ts";
import { readBytes, readRequest, startRawServer, writeAnswer } from "../support/raw_server.ts";

const large = 20_000_000;

/** Sends `length` bytes in pieces, once. */
async function send(url: string, length: number): Promise<SendOutcome> {
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  async function* body() {
    for (let left = length; left > 0; left -= 2 ** 16) {
      yield await Promise.resolve(new Uint8Array(Math.min(left, 2 ** 16)));
    }
  }
  return await exchange({ url, headers: new Headers(), body: body(), length, client });
}

/** What `send` would report, and after how many seconds it would retry. */
function told(outcome: SendOutcome, length: number) {
  assert.ok(outcome.kind !== "answered");
  const sent = { url: "http://h/payload", secrets: ["pass word"], length };
  const { exit, message } = failureOf(outcome, sent);
  return { exit, message, again: retryAfter(outcome) };
}

Deno.test("exchange() reports not_connected, which may be retried, when nothing listens", async () => {
  const url = `http://127.0.0.1:${freePort()}`;
  for (const length of [100, large]) {
    const outcome = await send(url, length);
    assert.equal(outcome.kind, "not_connected");
    const { exit, message, again } = told(outcome, length);
    assert.deepEqual([exit, again], [69, 1]);
    assert.equal(
      message,
      "http://h/payload: no answer: tcp connect error: Connection refused (os error 111)",
    );
  }
});

Deno.test("exchange() reports not_sent, so no job ran, when the connection breaks within the body", async () => {
  await using server = startRawServer((connection) => readBytes(connection, 1000));
  const outcome = await send(server.url, large);
  assert.equal(outcome.kind, "not_sent");
  assert.ok(outcome.handedOver > 1000 && outcome.handedOver < large);
  const { exit, message, again } = told(outcome, large);
  assert.deepEqual([exit, again], [69, undefined]);
  assert.match(message, /, after at most \d+ of 20000000 bytes, so no job ran: is the request/);
  assert.equal(server.connections, 1);
});

Deno.test("exchange() reports not_answered, so the job may have run, when it breaks after the body", async () => {
  await using server = startRawServer(async (connection, number) =>
    number === 1 ? await readRequest(connection) : await readBytes(connection, large)
  );
  for (const length of [100, large]) {
    const outcome = await send(server.url, length);
    assert.equal(outcome.kind, "not_answered");
    const { exit, message, again } = told(outcome, length);
    assert.deepEqual([exit, again], [69, undefined]);
    assert.match(message, /, after the whole request was sent: the job may have run$/);
  }
  assert.equal(server.connections, 2);
});

Deno.test("exchange() hands over an answer with status 200 before its body has come", async () => {
  const read = Promise.withResolvers<void>();
  await using server = startRawServer(async (connection) => {
    await readRequest(connection);
    await writeAnswer(connection, 200, { body: "begin", length: 8 });
    await read.promise;
    await connection.write(new TextEncoder().encode("end"));
  });
  const outcome = await send(server.url, 100);
  assert.ok(outcome.kind === "answered");
  read.resolve();
  assert.equal(await outcome.response.text(), "beginend");
});

Deno.test("exchange() announces the length of an empty body; a lost connection after it may have run the job", async () => {
  let head = "";
  await using server = startRawServer(async (connection) => {
    head = await readRequest(connection);
  });
  assert.equal((await send(server.url, 0)).kind, "not_answered");
  assert.match(head, /^content-length: 0\r$/m);
});

Deno.test("exchange() returns the refusal of a server that closes before it has read the body", async () => {
  await using server = startRawServer(async (connection) => {
    await readBytes(connection, 1000);
    await writeAnswer(connection, 401, { body: "Invalid password\n" });
  });
  for (const length of [20_000, 2 ** 16, 2 ** 20, large]) {
    const outcome = await send(server.url, length);
    assert.ok(outcome.kind === "answer", JSON.stringify(outcome));
    assert.deepEqual([outcome.status, outcome.body], [401, "Invalid password\n"]);
  }
  assert.equal(server.connections, 4);
});

Deno.test("exchange() sends one piece until the server has had time to refuse, and none after a refusal", async () => {
  await using server = startRawServer(async (connection) => {
    await readBytes(connection, 1000);
    await writeAnswer(connection, 401);
    // As long as the client keeps the connection.
    await readBytes(connection, large);
  });
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const ended = Promise.withResolvers<void>();
  let asked = 0;
  async function* body() {
    try {
      for (let left = large; left > 0; left -= 1000) {
        asked++;
        yield await Promise.resolve(new Uint8Array(1000));
      }
    } finally {
      ended.resolve();
    }
  }
  const request = { url: server.url, headers: new Headers(), body: body(), length: large, client };
  const outcome = await exchange(request);
  assert.ok(outcome.kind === "answer" && outcome.status === 401);
  assert.ok(asked <= 2, `${asked} pieces`);
  await ended.promise;
});

Deno.test("exchange() reads only the beginning of an error answer, and keeps one that breaks off", async () => {
  await using endless = startRawServer(async (connection) => {
    await readRequest(connection);
    await writeAnswer(connection, 400, { body: "words ".repeat(100_000), length: 2 ** 40 });
    // As long as the client keeps the connection.
    await readBytes(connection, 1);
  });
  const long = await send(endless.url, 100);
  assert.ok(long.kind === "answer" && long.body.startsWith("words words "));
  assert.equal(told(long, 100).message.length, "400: ".length + 500);
  await using breaking = startRawServer(async (connection) => {
    await readRequest(connection);
    await writeAnswer(connection, 400, { body: "words", length: 300 });
  });
  assert.equal(told(await send(breaking.url, 100), 100).message, "400: words");
});

Deno.test("retryAfter() allows a retry for an unknown host and a socket that may come, not for a bad certificate or a broken request", () => {
  const again = (kind: "not_connected" | "not_sent" | "not_answered", why: string) =>
    retryAfter({ kind, why, handedOver: 0 });
  assert.equal(again("not_connected", "dns error: no such host"), 1);
  assert.equal(again("not_connected", "invalid peer certificate: UnknownIssuer"), undefined);
  for (
    const why of [
      "Connection refused",
      "No such file or directory",
      "Resource temporarily unavailable",
    ]
  ) {
    assert.equal(again("not_connected", `${why} (os error 1)`), 1, "of a unix socket");
  }
  assert.equal(again("not_connected", "Permission denied (os error 13)"), undefined);
  assert.equal(again("not_answered", "Connection refused (os error 111)"), undefined);
  assert.equal(again("not_answered", "tcp connect error"), undefined);
  assert.equal(again("not_sent", "tcp connect error"), undefined);
});

Deno.test("retryAfter() allows a retry only after a status that says that no job ran", async () => {
  const cases: [number, number, number | undefined, boolean][] = [
    [429, 75, 7, false],
    [503, 75, 7, false],
    [500, 70, undefined, false],
    [502, 70, undefined, true],
    [504, 70, undefined, true],
    [524, 70, undefined, true],
    [400, 65, undefined, false],
    [408, 65, undefined, false],
    [413, 65, undefined, false],
    [403, 77, undefined, false],
    [404, 76, undefined, false],
  ];
  for (const [status, exit, again, mayHaveRun] of cases) {
    await using server = startRawServer(async (connection) => {
      await readRequest(connection);
      await writeAnswer(connection, status, { headers: { "retry-after": "7" }, body: "words\n" });
    });
    const failure = told(await send(server.url, 100), 100);
    const where = exit === 76 ? "http://h/payload: " : "";
    const message = `${where}${status}: words${mayHaveRun ? " (the job may have run)" : ""}`;
    assert.deepEqual(failure, { exit, message, again });
  }
});

/** An answer with this status and the problem details that this code would have. */
function answerWith(status: number, code?: string): NoResult {
  const problem = code === undefined ? undefined : { code, detail: "words" };
  return answerOf(status, problem, "7", "words");
}

Deno.test("retryAfter() decides by the problem's code: only what passes without a run is tried again", () => {
  const cases: [number, string, boolean][] = [
    [503, "queue_full", true],
    [503, "uploads_full", true],
    [429, "client_limit", true],
    [503, "queue_timeout", true],
    [503, "queue_unavailable", true],
    [503, "buffers_full", true],
    [503, "draining", true],
    [500, "spawn_refused", true],
    [503, "spool_full", true],
    [503, "too_many_listeners", true],
    [503, "anything_new", false],
    [504, "timed_out", false],
    [502, "node_lost", false],
    [503, "command_failed", false],
    [500, "command_not_started", false],
    [507, "disk_full", false],
  ];
  for (const [status, code, isTriedAgain] of cases) {
    assert.equal(retryAfter(answerWith(status, code)), isTriedAgain ? 7 : undefined, code);
  }
});

Deno.test("retryAfter() tries again after the problems whose advice is to retry, and no others", () => {
  for (const [code, { status, advice }] of Object.entries(errors)) {
    const again = advice === errors.queue_full.advice ? 7 : undefined;
    assert.equal(retryAfter(answerWith(status, code)), again, code);
  }
});

Deno.test("failureOf() does not say that the job may have run where a jobrunner says what happened", () => {
  assert.equal(told(answerWith(504, "timed_out"), 1).message, "504: words");
  assert.equal(told(answerWith(504), 1).message, "504: words (the job may have run)");
  assert.deepEqual(told(answerWith(502, "node_lost"), 1), {
    exit: 70,
    message: "502: words",
    again: undefined,
  });
});

Deno.test("failureOf() takes statuses that a request is refused with as refusals", () => {
  for (const status of [400, 406, 408, 411, 413, 415, 422]) {
    assert.equal(told(answerWith(status), 1).exit, 65, String(status));
  }
});

Deno.test("hasNoRun() is true of a server without the path, not of one without the command", () => {
  for (const answer of [answerWith(404), answerWith(405), answerWith(404, "not_found")]) {
    assert.ok(hasNoRun(answer));
  }
  for (const [status, code] of [[404, "unknown_command"], [404, "no_default_command"], [503]]) {
    assert.ok(!hasNoRun(answerWith(status as number, code as string | undefined)));
  }
});

Deno.test("failureOf() shows the sentence about a command that does not exist, as a refused request", async () => {
  const problems: Problem[] = [
    { kind: "unknown_command", name: "pdff", names: ["octave", "pdf"] },
    { kind: "unknown_command", name: "?", names: ["pdf"] },
    { kind: "no_default_command", path: "/payload", names: ["octave", "pdf"] },
  ];
  for (const problem of problems) {
    const { status, headers, body, detail } = problemAnswer(problem, "r1", true);
    await using server = startRawServer(async (connection) => {
      await readRequest(connection);
      await writeAnswer(connection, status, { headers, body });
    });
    const failure = told(await send(server.url, 100), 100);
    assert.deepEqual(failure, { exit: 65, message: `404: ${detail}`, again: undefined });
  }
});

Deno.test("retryAfter() takes seconds or a date, bounded, and 1 second when it is neither", async () => {
  const date = (seconds: number) => new Date(Date.now() + seconds * 1000).toUTCString();
  const cases: [string, number, number][] = [
    ["30", 30, 30],
    ["99999999999", 3600, 3600],
    ["0", 1, 1],
    ["-5", 1, 1],
    ["soon", 1, 1],
    [date(1800), 1700, 1800],
    [date(-1800), 1, 1],
  ];
  for (const [value, least, most] of cases) {
    await using server = startRawServer(async (connection) => {
      await readRequest(connection);
      await writeAnswer(connection, 503, { headers: { "retry-after": value } });
    });
    const outcome = await send(server.url, 100);
    assert.ok(outcome.kind === "answer");
    const seconds = retryAfter(outcome) ?? 0;
    assert.ok(seconds >= least && seconds <= most, `${value}: ${seconds}`);
  }
});

Deno.test("failureOf() names a redirect's target without the secrets in it", async () => {
  const cases: [string | undefined, RegExp][] = [
    ["https://other:8443/payload", /it redirects to https:\/\/other:8443\/payload$/],
    ["/elsewhere", /it redirects to http:\/\/h\/elsewhere$/],
    ["http://u:hunter2@other/?token=hunter2", /it redirects to http:\/\/\*\*\*@other\/\?\*\*\*$/],
    ["https://other/pass word/x", /it redirects to https:\/\/other\/\*\*\*\/x$/],
    ["http://[", /it redirects to http:\/\/\[$/],
    [`/${"x".repeat(1000)}`, /it redirects to http:\/\/h\/x{491}$/],
    [undefined, /^http:\/\/h\/payload: 307: $/],
  ];
  for (const [location, sentence] of cases) {
    await using server = startRawServer(async (connection) => {
      await readRequest(connection);
      await writeAnswer(connection, 307, { headers: location === undefined ? {} : { location } });
    });
    const { exit, message } = told(await send(server.url, 100), 100);
    assert.equal(exit, 76);
    assert.match(message, sentence);
    assert.doesNotMatch(message, /hunter2/);
  }
});
