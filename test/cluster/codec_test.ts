import assert from "node:assert/strict";
import fc from "fast-check";
import { maxChunk } from "../../src/cluster/bulk.ts";
import {
  decodeAnswer,
  decodeBeat,
  decodeJob,
  decodeOutput,
  decodePortion,
  decodeQuestion,
  decodeResult,
  encodeAnswer,
  encodeBeat,
  encodeJob,
  encodeOutput,
  encodePortion,
  encodeQuestion,
  encodeResult,
} from "../../src/cluster/codec.ts";
import { decodeFrame, encodeFrame } from "../../src/cluster/frame.ts";
import {
  captureNames,
  capturesLength,
  type JobMessage,
  type JobQuestion,
  type OutputMessage,
  payloadLength,
  type Portion,
  type ResultMessage,
} from "../../src/cluster/messages.ts";
import type { Beat } from "../../src/cluster/nodes.ts";
import { encode, joinedBytes } from "../support/pieces.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const front = "0b0e9cd6-9f0b-4e0e-8a53-7d4f9f2f6f01";
const uid = "0123456789abcdef0123456789abcdef";

const plainJob: JobMessage = {
  proto: 1,
  front,
  spec: {
    uid,
    id: "a",
    requestId: "r-1",
    command: "default",
    keep: "memory",
    onDisconnect: "cancel",
  },
  payload: { kind: "bytes", length: 3 },
  claimFirst: false,
};

const fullJob: JobMessage = {
  ...plainJob,
  spec: {
    ...plainJob.spec,
    id: "ä".repeat(1024),
    keep: "data",
    onDisconnect: "finish",
    timeoutSec: 0.5,
    request: {
      queryString: "a=1&b",
      contentType: "text/plain",
      contentLength: 2 ** 40,
      filename: "é.txt",
      headers: { "x-one": "1", x_y: "", "x-two": "\ttwo" },
    },
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    tracestate: "a=1,b=2",
    token: "ci",
  },
  payload: { kind: "parts", lengths: [3, 0, 5], listLength: 10 },
  claimFirst: true,
};

const nothing = { length: 0, truncated: false } as const;

const ran: ResultMessage = {
  uid,
  node: front,
  attempt: 2,
  outcome: {
    kind: "ran",
    workerId: 3,
    ending: { kind: "exited", exitStatus: 1 },
    elapsedSec: 0.25,
    pid: 77,
    warm: true,
    processJobs: 5,
    message: "m",
    captures: {
      output: { length: 4, truncated: true },
      error: nothing,
      data: { ...nothing, unreadable: true },
    },
  },
};

const failed: ResultMessage = {
  ...ran,
  outcome: { kind: "failed", failure: { kind: "spool_unusable", reason: "the disk is full" } },
};

const question: JobQuestion = { uid, node: front, attempt: 1 };
const portion: Portion = { uid, of: "data", at: 7, length: maxChunk };
const started: OutputMessage = {
  uid,
  node: front,

  kind: "started",
  worker: { id: 1, pid: 42 },
};
const wrote: OutputMessage = { uid, node: front, kind: "stderr", at: 9 };

const beat: Beat = {
  proto: 1,
  node: front,
  name: "host.example",
  version: "0.1.0",
  state: "draining",
  pools: {
    default: {
      workers: 1024,
      places: 1_000_000,
      busy: 0,
      waiting: 1,
      meanRunSec: 0.001,
      held: [uid, "f".repeat(32)],
      commands: { default: "0a".repeat(32) },
    },
    "b-2_x": {
      workers: 0,
      places: 0,
      busy: 0,
      waiting: 0,
      meanRunSec: 0,
      held: [],
      commands: {},
    },
  },
};

/** One message of each kind, and how it is read and written again. */
const kinds: Readonly<Record<string, { message: Bytes; again(data: Bytes): Bytes | undefined }>> = {
  "a job with bytes": { message: encodeJob(plainJob, encode("abc")), again: jobAgain },
  "a job without bytes": { message: encodeJob(fullJob), again: jobAgain },
  "a result": { message: encodeResult(ran, [encode("abcd")]), again: resultAgain },
  "a failure": { message: encodeResult(failed), again: resultAgain },
  "a question": {
    message: encodeQuestion(question),
    again: (data) => decodedAgain(decodeQuestion(data), encodeQuestion),
  },
  "an answer": {
    message: encodeAnswer("held"),
    again: (data) => decodedAgain(decodeAnswer(data), encodeAnswer),
  },
  "a portion": {
    message: encodePortion(portion),
    again: (data) => decodedAgain(decodePortion(data), encodePortion),
  },
  "a start": { message: encodeOutput(started), again: outputAgain },
  "an output": { message: encodeOutput(wrote, encode("x")), again: outputAgain },
  "a beat": {
    message: encodeBeat(beat),
    again: (data) => decodedAgain(decodeBeat(data), encodeBeat),
  },
};

function decodedAgain<T>(message: T | undefined, encoded: (message: T) => Bytes) {
  return message === undefined ? undefined : encoded(message);
}

function jobAgain(data: Bytes): Bytes | undefined {
  const job = decodeJob(data);
  return job === undefined || job === "newer" ? undefined : encodeJob(job, job.inline);
}

function resultAgain(data: Bytes): Bytes | undefined {
  const result = decodeResult(data);
  return result && encodeResult(result, result.inline ? [result.inline] : []);
}

function outputAgain(data: Bytes): Bytes | undefined {
  const output = decodeOutput(data);
  return output && encodeOutput(output, output.bytes);
}

/** All decoders, one after the other. */
function decodeAll(data: Bytes): void {
  for (const { again } of Object.values(kinds)) again(data);
}

/** The head of a message with one of its members, at whatever depth, replaced. */
function replaced(head: unknown, choices: readonly number[], value: unknown): unknown {
  const [choice, ...rest] = choices;
  if (typeof head !== "object" || head === null || choice === undefined) return value;
  const keys = Object.keys(head);
  const key = keys[choice % keys.length];
  if (key === undefined) return value;
  const copy = Array.isArray(head) ? [...head] : { ...head };
  return Object.assign(copy, { [key]: replaced(Reflect.get(head, key), rest, value) });
}

function headOf(message: Bytes): Readonly<Record<string, unknown>> {
  return decodeFrame(message)?.head as Readonly<Record<string, unknown>>;
}

Deno.test("every message is read as it was written", () => {
  for (const [kind, { message, again }] of Object.entries(kinds)) {
    assert.deepEqual(again(message), message, kind);
  }
  assert.deepEqual(decodeJob(encodeJob(plainJob, encode("abc"))), {
    ...plainJob,
    inline: encode("abc"),
  });
  assert.deepEqual(decodeJob(encodeJob(fullJob)), { ...fullJob, inline: undefined });
  assert.deepEqual(decodeResult(encodeResult(ran)), { ...ran, inline: undefined });
  assert.deepEqual(decodeResult(encodeResult(failed)), { ...failed, inline: new Uint8Array() });
  assert.deepEqual(decodeQuestion(encodeQuestion(question)), question);
  for (const answer of ["run", "held", "gone"] as const) {
    assert.equal(decodeAnswer(encodeAnswer(answer)), answer);
  }
  assert.deepEqual(decodePortion(encodePortion(portion)), portion);
  assert.deepEqual(decodeOutput(encodeOutput(started)), { ...started, bytes: new Uint8Array() });
  assert.deepEqual(decodeOutput(encodeOutput(wrote, encode("x"))), {
    ...wrote,
    bytes: encode("x"),
  });
  assert.deepEqual(decodeBeat(encodeBeat(beat)), beat);
});

Deno.test("every ending is read as it was written", () => {
  const endings = [
    { kind: "exited", exitStatus: 0 },
    { kind: "exited", exitStatus: -1073741510 },
    { kind: "signaled", signal: "SIGRTMIN+3", exitStatus: 165 },
    { kind: "timed_out", exitStatus: 124, signal: "SIGKILL" },
    { kind: "canceled", exitStatus: 143 },
    { kind: "shutdown", exitStatus: 0 },
    { kind: "not_started", exitStatus: 127, reason: "cannot run x: no such file" },
  ] as const;
  assert.ok(ran.outcome.kind === "ran");
  for (const ending of endings) {
    const message: ResultMessage = { ...ran, outcome: { ...ran.outcome, ending } };
    assert.deepEqual(decodeResult(encodeResult(message)), { ...message, inline: undefined });
  }
});

Deno.test("encodeJob() and encodeResult() send nothing that the forms do not have", () => {
  const spec = { ...fullJob.spec, version: 3, input: "secret" };
  assert.deepEqual(encodeJob({ ...fullJob, spec }), encodeJob(fullJob));
  assert.ok(ran.outcome.kind === "ran");
  const outcome = { ...ran.outcome, output: "secret", names: { command: "c", pool: "p" } };
  assert.deepEqual(encodeResult({ ...ran, outcome }), encodeResult(ran));
});

Deno.test("encodeJob() sends an infinite time limit as none, and no other number that JSON lacks", () => {
  const spec = { ...plainJob.spec, timeoutSec: Infinity };
  assert.deepEqual(encodeJob({ ...plainJob, spec }), encodeJob(plainJob));
  for (const timeoutSec of [NaN, -Infinity, 0]) {
    assert.throws(() => encodeJob({ ...plainJob, spec: { ...plainJob.spec, timeoutSec } }), {
      name: "TypeError",
      message: "a job for another machine: it must have the form that is read there",
    });
  }
  assert.throws(() => encodeBeat({ ...beat, pools: { default: poolWith(Infinity) } }), TypeError);
});

function poolWith(meanRunSec: number) {
  return { workers: 1, places: 1, busy: 0, waiting: 0, meanRunSec, held: [], commands: {} };
}

Deno.test("encodeResult() shortens sentences that are too long", () => {
  const failure = { kind: "internal", reason: "x".repeat(100_000) } as const;
  const read = decodeResult(encodeResult({ ...ran, outcome: { kind: "failed", failure } }));
  assert.ok(read?.outcome.kind === "failed");
  assert.equal(read.outcome.failure.reason, "x".repeat(16 * 1024));
});

Deno.test("decodeJob() returns `newer` for every later version of the protocol", () => {
  assert.equal(decodeJob(encodeFrame({ proto: 2 }, encode("anything"))), "newer");
  assert.equal(decodeJob(encodeJob({ ...fullJob, proto: 2 })), "newer");
  for (const proto of [0, 1.5, "2", null, -1]) {
    assert.equal(decodeJob(encodeFrame({ ...headOf(encodeJob(plainJob)), proto })), undefined);
  }
});

Deno.test("decodeJob() and decodeResult() need no fetch for what is empty", () => {
  const empty: JobMessage = { ...plainJob, payload: { kind: "file", length: 0 } };
  assert.deepEqual(decodeJob(encodeJob(empty)), { ...empty, inline: new Uint8Array() });
});

Deno.test("a message with other bytes than its lengths say is not understood", () => {
  assert.equal(payloadLength(plainJob.payload), 3);
  assert.equal(payloadLength(fullJob.payload), 18);
  assert.equal(capturesLength(ran.outcome), 4);
  assert.equal(capturesLength(failed.outcome), 0);
  for (const bytes of ["ab", "abcd"]) {
    assert.equal(decodeJob(encodeJob(plainJob, encode(bytes))), undefined);
  }
  for (const bytes of ["abc", "abcde"]) {
    assert.equal(decodeResult(encodeResult(ran, [encode(bytes)])), undefined);
  }
  assert.equal(decodeResult(encodeResult(failed, [encode("a")])), undefined);
  assert.equal(decodeOutput(encodeOutput(started, encode("a"))), undefined);
  for (const kind of ["a question", "an answer", "a portion", "a beat"]) {
    const { message = encode(""), again } = kinds[kind] ?? assert.fail(kind);
    assert.equal(again(joinedBytes([message, encode("a")])), undefined, kind);
  }
});

Deno.test("encodeResult() takes the captures as pieces", () => {
  const pieces = [encode("ab"), encode(""), encode("cd")];
  assert.deepEqual(encodeResult(ran, pieces), encodeResult(ran, [encode("abcd")]));
  assert.deepEqual(captureNames, ["output", "error", "data"]);
});

Deno.test("a message whose data was cut is not understood", () => {
  for (const [kind, { message, again }] of Object.entries(kinds)) {
    const length = 4 + new DataView(message.buffer).getUint32(0);
    for (let cut = 0; cut < length; cut++) {
      assert.equal(again(message.subarray(0, cut)), undefined, `${kind}, ${cut} bytes`);
    }
  }
});

Deno.test("members that are not known are ignored", () => {
  for (const [kind, { message, again }] of Object.entries(kinds)) {
    const frame = decodeFrame(message) ?? assert.fail();
    const more = encodeFrame({ ...headOf(message), more: { a: [1] } }, frame.body);
    assert.deepEqual(again(more), message, kind);
  }
});

Deno.test("a message without a member that it must have is not understood", () => {
  for (const [kind, { message, again }] of Object.entries(kinds)) {
    const head = headOf(message);
    const { body } = decodeFrame(message) ?? assert.fail();
    for (const key of Object.keys(head)) {
      const without = encodeFrame({ ...head, [key]: undefined }, body);
      assert.equal(again(without), undefined, `${kind} without ${key}`);
    }
  }
});

Deno.test("values out of range are not understood", () => {
  const cases: readonly [keyof typeof kinds & string, object][] = [
    ["a question", { uid: uid.toUpperCase() }],
    ["a question", { uid: `${uid}0` }],
    ["a question", { uid: `${uid}\n` }],
    ["a question", { node: `${front}.>` }],
    ["a question", { node: "*" }],
    ["a question", { attempt: 0 }],
    ["a question", { attempt: 1.5 }],
    ["a portion", { length: 0 }],
    ["a portion", { length: maxChunk + 1 }],
    ["a portion", { at: -1 }],
    ["a portion", { of: "constructor" }],
    ["an answer", { answer: "toString" }],
    ["an output", { at: 2 ** 53 }],
    ["a beat", { state: "down" }],
    ["a beat", { pools: { A: poolWith(0) } }],
    ["a beat", { pools: { a: { ...poolWith(0), held: ["x"] } } }],
    ["a beat", { pools: { a: { ...poolWith(0), workers: -1 } } }],
    ["a beat", { pools: { a: { ...poolWith(0), meanRunSec: 1e300 } } }],
    ["a job with bytes", { payload: { kind: "bytes", length: 2 ** 60 } }],
    ["a job without bytes", { payload: { kind: "parts", lengths: [], listLength: 2 ** 30 } }],
    ["a job with bytes", { spec: { ...plainJob.spec, id: "" } }],
    ["a job with bytes", { spec: { ...plainJob.spec, id: "a\0b" } }],
    ["a job with bytes", { spec: { ...plainJob.spec, id: "😀".repeat(1025) } }],
    ["a job with bytes", { spec: { ...plainJob.spec, requestId: "a b" } }],
    ["a job with bytes", { spec: { ...plainJob.spec, command: "../x" } }],
    ["a job with bytes", { spec: { ...plainJob.spec, keep: "all" } }],
    ["a job with bytes", { spec: { ...plainJob.spec, traceparent: "00" } }],
    ["a job with bytes", {
      spec: { ...plainJob.spec, request: { ...fullJob.spec.request, headers: { "a=b": "" } } },
    }],
    ["a job with bytes", {
      spec: { ...plainJob.spec, request: { ...fullJob.spec.request, filename: "\0" } },
    }],
  ];
  for (const [kind, change] of cases) {
    const { message, again } = kinds[kind] ?? assert.fail(kind);
    const { body } = decodeFrame(message) ?? assert.fail();
    const changed = encodeFrame({ ...headOf(message), ...change }, body);
    assert.equal(again(changed), undefined, `${kind} with ${JSON.stringify(change)}`);
  }
});

Deno.test("no decoder throws for any bytes", () => {
  const bytes = fc.uint8Array({ maxLength: 200 }).map((some) => new Uint8Array(some));
  fc.assert(fc.property(bytes, fc.jsonValue(), (some, value) => {
    decodeAll(some);
    decodeAll(encodeFrame({ value }, some));
    decodeAll(encodeFrame([value], some));
  }));
});

Deno.test("no decoder throws for a damaged message, and what it reads can be written", () => {
  const choices = fc.record({
    kind: fc.constantFrom(...Object.keys(kinds)),
    path: fc.array(fc.nat(20), { minLength: 1, maxLength: 6 }),
    value: fc.oneof(
      fc.jsonValue(),
      fc.constantFrom<unknown>(1e308, -1, 0.5, "", "\0", 2 ** 53, "__proto__", [], {}, null),
    ),
    at: fc.nat(),
    byte: fc.nat(255),
  });
  fc.assert(
    fc.property(choices, ({ kind, path, value, at, byte }) => {
      const { message } = kinds[kind] ?? assert.fail(kind);
      const flipped = message.slice();
      flipped[at % flipped.length] = byte;
      decodeAll(flipped);
      const { head, body } = decodeFrame(message) ?? assert.fail();
      decodeAll(encodeFrame(replaced(head, path, value) as object, body));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("decodeJob() and decodeResult() return whatever sound message was sent", () => {
  const texts = fc.string({ unit: "binary", maxLength: 40 }).map((some) =>
    some.replaceAll("\0", "")
  );
  const seconds = fc.double({ min: 1e-9, max: 1e9, noNaN: true });
  const bytes = fc.uint8Array({ maxLength: 60 }).map((some) => new Uint8Array(some));
  const names = fc.constantFrom("a", "b-2_x");
  const jobs = fc.record({
    id: texts.map((some) => some || "a"),
    command: names,
    keep: fc.constantFrom("memory", "disk", "data"),
    onDisconnect: fc.constantFrom("cancel", "finish"),
    timeoutSec: seconds,
    token: names,
    request: fc.record({
      queryString: texts,
      contentType: texts,
      contentLength: fc.nat(),
      filename: texts,
      headers: fc.dictionary(fc.constantFrom("x-a", "__proto__", "constructor"), texts, {
        noNullPrototype: true,
      }),
    }, { noNullPrototype: true }),
  }, { requiredKeys: ["id", "command", "keep", "onDisconnect"], noNullPrototype: true });
  const captures = fc.record({
    output: bytes,
    error: bytes,
    data: bytes,
    truncated: fc.boolean(),
  });
  fc.assert(fc.property(jobs, bytes, captures, (spec, payload, { truncated, ...pieces }) => {
    const job: JobMessage = {
      ...plainJob,
      spec: { uid, requestId: "r", ...spec },
      payload: { kind: "bytes", length: payload.length },
    };
    assert.deepEqual(decodeJob(encodeJob(job, payload)), { ...job, inline: payload });
    assert.ok(ran.outcome.kind === "ran");
    const formOf = (name: "output" | "error" | "data") => ({
      length: pieces[name].length,
      truncated,
    });
    const forms = { output: formOf("output"), error: formOf("error"), data: formOf("data") };
    const result: ResultMessage = { ...ran, outcome: { ...ran.outcome, captures: forms } };
    const inOrder = captureNames.map((name) => pieces[name]);
    assert.deepEqual(decodeResult(encodeResult(result, inOrder)), {
      ...result,
      inline: joinedBytes(inOrder),
    });
  }));
});
