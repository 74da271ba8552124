import assert from "node:assert/strict";
import type { RequestEnd } from "../../src/telemetry/trace.ts";
import type { JobSpec } from "../../src/jobs/job.ts";
import { ranOf } from "../support/jobs.ts";
import { job, setUp } from "../support/routes.ts";

const commands = { pdf: {}, octave: { onDisconnect: "finish" } } as const;

const asJson = { accept: "application/json" };

Deno.test("POST /payload/{command} runs the command that the path names, POST /payload the default", async () => {
  const specs: JobSpec[] = [];
  const { post, asked, answered } = setUp({
    commands,
    defaultCommand: "pdf",
    submit(spec) {
      specs.push(spec);
      return Promise.resolve(ranOf(spec));
    },
  });
  for (const path of ["/payload/octave", "/payload/pdf", "/payload"]) {
    assert.equal((await post(job, {}, path)).status, 200, path);
  }
  assert.deepEqual(specs.map(({ command, onDisconnect }) => [command, onDisconnect]), [
    ["octave", "finish"],
    ["pdf", "cancel"],
    ["pdf", "cancel"],
  ]);
  assert.deepEqual(asked, ["octave", "pdf", undefined], "each command is looked up once");
  assert.deepEqual(answered.map(([, route]) => route), [
    "/payload/{command}",
    "/payload/{command}",
    "/payload",
  ]);
});

Deno.test("POST /payload/{command} answers 404 unknown_command with the names that there are", async () => {
  const { post, held } = setUp({ commands });
  const cases: [path: string, sentence: string][] = [
    ["/payload/pdff", "There is no command pdff: there are octave, pdf"],
    ["/payload/Pdf", "There is no such command: there are octave, pdf"],
    ["/payload/<b>", "There is no such command: there are octave, pdf"],
    ["/payload/pdf%2Fx", "There is no such command: there are octave, pdf"],
    [`/payload/${"a".repeat(33)}`, "There is no such command: there are octave, pdf"],
  ];
  for (const [path, sentence] of cases) {
    const { status, headers, text } = await post(new ReadableStream({}), {}, path);
    assert.deepEqual([status, text], [404, `${sentence}\n`], path);
    assert.equal(headers.get("connection"), "close", "its body was not read");
  }
  assert.equal(JSON.parse((await post(job, asJson, "/payload/x")).text).code, "unknown_command");
  const one = setUp({ commands: { pdf: {} } });
  assert.equal(
    (await one.post(job, {}, "/payload/x")).text,
    "There is no command x: there is pdf\n",
  );
  assert.equal(held(), 0);
});

Deno.test("POST /payload answers 404 no_default_command with the paths that there are", async () => {
  const { post } = setUp({ commands });
  const { status, headers, text } = await post(new ReadableStream({}));
  assert.equal(status, 404);
  assert.equal(
    text,
    "There is no default command: jobs go to POST /payload/octave, /payload/pdf\n",
  );
  assert.equal(headers.get("connection"), "close", "its body was not read");
  assert.equal(JSON.parse((await post(job, asJson)).text).code, "no_default_command");
});

Deno.test("a missing command is logged and traced, but not counted as a rejection", async () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const ends: RequestEnd[] = [];
  const targets: string[] = [];
  const { post, log, rejected } = setUp({
    commands,
    beginTrace(_, { route, path }) {
      targets.push(`${route} ${path}`);
      return { context: { traceparent }, end: (request) => void ends.push(request) };
    },
  });
  await post(job, {}, "/payload/x");
  await post(job);
  assert.deepEqual(targets, ["/payload/{command} /payload/x", "/payload /payload"]);
  const reasons = ["unknown_command", "no_default_command"];
  assert.deepEqual(log.map(([message]) => message), ["request refused", "request refused"]);
  assert.deepEqual(log.map(([, fields]) => fields?.["reason"]), reasons);
  assert.deepEqual(log.map(([, fields]) => fields?.["command"]), [undefined, undefined]);
  assert.deepEqual(
    ends,
    reasons.map((problem) => ({ status: 404, problem, leftAfterSec: undefined })),
  );
  assert.deepEqual(rejected, []);
});

Deno.test("host, page and password are checked before the command, the command before readiness", async () => {
  const codeOf = async (
    setup: Parameters<typeof setUp>[0],
    headers: Record<string, string>,
    path: string,
  ) =>
    JSON.parse(
      (await setUp({ commands, ...setup }).post(job, { ...asJson, ...headers }, path)).text,
    ).code;
  for (
    const [path, missing] of [
      ["/payload/x", "unknown_command"],
      ["/payload", "no_default_command"],
    ] as const
  ) {
    assert.equal(await codeOf({}, { host: "evil.example" }, path), "unknown_host");
    assert.equal(await codeOf({}, { "sec-fetch-site": "cross-site" }, path), "cross_site");
    assert.equal(await codeOf({ password: "p" }, {}, path), "unauthorized");
    assert.equal(await codeOf({ ready: false }, {}, path), missing);
  }
  const { post, rejectedNames } = setUp({ commands, password: "p" });
  for (const path of ["/payload/pdf", "/payload/x"]) await post(job, {}, path);
  assert.deepEqual(rejectedNames, [{ command: "pdf", pool: "pool of pdf" }, undefined]);
  assert.equal(await codeOf({ ready: false }, {}, "/payload/pdf"), "draining");
});

Deno.test("the limit of a body, Retry-After and the queue are those of the command", async () => {
  const { post, rejected, rejectedNames, log } = setUp({
    commands: {
      small: { maxRequestBytes: 3 },
      full: {
        reserve: () => ({ reserved: false, cause: "queue_full", waiting: 4, retryAfterSec: 9 }),
      },
      odd: { maxRequestBytes: Infinity },
    },
  });
  assert.equal((await post(job, {}, "/payload/small")).text, "The body is larger than 3 bytes\n");
  const full = await post(job, {}, "/payload/full");
  assert.equal(full.text, "job queue too large (4)\n");
  assert.equal(full.headers.get("retry-after"), "9");
  assert.equal((await post(job, {}, "/payload/odd")).status, 200);
  assert.deepEqual(rejected, ["too_large", "queue_full"]);
  assert.deepEqual(rejectedNames, [
    { command: "small", pool: "pool of small" },
    { command: "full", pool: "pool of full" },
  ]);
  assert.deepEqual(log.map(([, fields]) => fields?.["command"]), ["small", "full"]);
});

Deno.test("a draining server answers with the Retry-After of the command's pool", async () => {
  const { post } = setUp({ commands: { pdf: { retryAfterSec: () => 11 } }, ready: false });
  const { status, headers } = await post(job, {}, "/payload/pdf");
  assert.deepEqual([status, headers.get("retry-after")], [503, "11"]);
});

Deno.test("a command's name is one segment of the path, without a slash at its end", async () => {
  const { send, asked } = setUp({ commands, defaultCommand: "pdf" });
  const cases: [path: string, status: number, location: string | null][] = [
    ["/payload/", 404, null],
    ["/payload/pdf/", 404, null],
    ["/payload/pdf/x", 404, null],
    ["/commands/", 404, null],
    ["//payload/pdf", 308, "/payload/pdf"],
    ["/payload//pdf", 308, "/payload/pdf"],
  ];
  for (const [path, status, location] of cases) {
    const answer = await send(path, { method: "POST", body: job });
    assert.deepEqual([answer.status, answer.headers.get("location")], [status, location], path);
    if (status === 404) {
      assert.equal(
        answer.text,
        "There is nothing at this path; jobs go to POST /payload or POST /run\n",
        path,
      );
    }
  }
  assert.deepEqual(asked, []);
});

Deno.test("OPTIONS, 405 and HEAD know the paths of commands, whatever the name", async () => {
  const { send, asked } = setUp({ commands });
  const allowOf = async (path: string, method: string) => {
    const { status, headers } = await send(path, { method });
    return [status, headers.get("allow")];
  };
  for (const path of ["/payload/pdf", "/payload/unknown"]) {
    assert.deepEqual(await allowOf(path, "OPTIONS"), [204, "POST, OPTIONS"]);
    assert.deepEqual(await allowOf(path, "GET"), [405, "POST, OPTIONS"]);
    assert.deepEqual(await allowOf(path, "HEAD"), [405, "POST, OPTIONS"]);
  }
  assert.deepEqual(await allowOf("/commands", "OPTIONS"), [204, "GET, HEAD, OPTIONS"]);
  assert.deepEqual(await allowOf("/commands", "POST"), [405, "GET, HEAD, OPTIONS"]);
  assert.deepEqual(await allowOf("/commands", "HEAD"), [200, null]);
  assert.deepEqual(await allowOf("/*", "OPTIONS"), [204, "GET, HEAD, POST, OPTIONS"]);
  assert.deepEqual(asked, []);
});
