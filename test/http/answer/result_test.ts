import assert from "node:assert/strict";
import { type AnswerSettings, resultAnswer } from "../../../src/http/answer/result.ts";
import { type Captured, type Ending, type JobResult, nothingRead } from "../../../src/jobs/job.ts";
import { inFile, inMemory, received, someBytes, storedFile } from "../../support/answers.ts";
import { resultOf, specOf } from "../../support/jobs.ts";

const settings: AnswerSettings = {
  format: "bytes",
  answer: "auto",
  responseType: "image/png",
  failedStatus: 422,
  retryAfterSec: () => 7,
  onReleased() {},
};

const ended = (ending: Ending, more: Partial<JobResult> = {}): JobResult => ({
  ...resultOf(specOf("a")),
  output: inMemory("out"),
  error: inMemory("err"),
  ending,
  ...more,
});

const exited = (exitStatus: number) => ended({ kind: "exited", exitStatus });

const failures: readonly Ending[] = [
  { kind: "exited", exitStatus: 3 },
  { kind: "signaled", exitStatus: 139, signal: "SIGSEGV" },
  { kind: "canceled", exitStatus: 143, signal: "SIGTERM" },
  { kind: "timed_out", exitStatus: 124 },
  { kind: "not_started", exitStatus: 127, reason: "cannot run x: not found" },
  { kind: "shutdown", exitStatus: 143 },
];

async function outcomeOf(result: JobResult, more: Partial<AnswerSettings> = {}) {
  const answer = await resultAnswer(result, { ...settings, ...more });
  if ("kind" in answer) return answer.kind;
  return new TextDecoder().decode(await received(answer.body));
}

Deno.test("resultAnswer() in bytes is the output of a command that exited with 0", async () => {
  assert.equal(await outcomeOf(exited(0)), "out");
});

Deno.test("resultAnswer() in bytes is a problem for each other ending", async () => {
  assert.deepEqual(await Promise.all(failures.map((ending) => outcomeOf(ended(ending)))), [
    "command_failed",
    "command_failed",
    "command_failed",
    "timed_out",
    "command_not_started",
    "draining",
  ]);
});

Deno.test("resultAnswer() in bytes with a failed status of 200 answers as if the command had not failed", async () => {
  const outcomes = failures.map((ending) => outcomeOf(ended(ending), { failedStatus: 200 }));
  assert.deepEqual(await Promise.all(outcomes), [
    "out",
    "out",
    "out",
    "timed_out",
    "command_not_started",
    "draining",
  ]);
});

Deno.test("resultAnswer() in bytes is a problem if the chosen output is not whole, and only then", async () => {
  const cut: Captured = { bytes: new Uint8Array([1]), truncated: true };
  const cases: readonly (readonly [more: Partial<JobResult>, outcome: string])[] = [
    [{ output: cut }, "result_truncated"],
    [{ data: cut }, "result_truncated"],
    [{ error: cut }, "out"],
    [
      { data: nothingRead, message: "the response file is not a regular file" },
      "result_unreadable",
    ],
    [{ message: "the process was replaced" }, "out"],
  ];
  for (const [more, outcome] of cases) {
    assert.equal(await outcomeOf({ ...exited(0), ...more }), outcome);
  }
});

Deno.test("resultAnswer() in JSON and as a form is 200 for every ending", async () => {
  for (const ending of failures) {
    for (const format of ["json", "form"] as const) {
      const answer = await resultAnswer(ended(ending), { ...settings, format });
      assert.ok("body" in answer);
      assert.equal(answer.status, 200);
      const text = new TextDecoder().decode(await received(answer.body));
      assert.ok(text.includes(`"ending":"${ending.kind}"`), text);
    }
  }
});

Deno.test("resultAnswer() of a command that failed has the configured status, the ending, the headers and the end of stderr", async () => {
  const answer = await resultAnswer(exited(3), { ...settings, failedStatus: 502 });
  assert.deepEqual(answer, {
    kind: "command_failed",
    status: 502,
    ending: { kind: "exited", exitStatus: 3 },
    metadata: {
      "X-JR-Id": "a",
      "X-JR-Worker-Id": "1",
      "X-JR-Exit-Status": "3",
      "X-JR-Ending": "exited",
      "X-JR-Elapsed-Sec": "0.5",
      "X-JR-Queued-Sec": "0",
    },
    stderrTail: "err",
  });
});

Deno.test("resultAnswer() during a stop says when to retry", async () => {
  const answer = await resultAnswer(ended({ kind: "shutdown", exitStatus: 143 }), settings);
  assert.ok("kind" in answer && answer.kind === "draining");
  assert.equal(answer.retryAfterSec, 7);
});

async function tailOf(error: Captured): Promise<string> {
  const answer = await resultAnswer({ ...exited(1), error }, settings);
  assert.ok("stderrTail" in answer);
  return answer.stderrTail;
}

Deno.test("resultAnswer() has the last 4 KiB of stderr, from a whole character on", async () => {
  assert.equal(await tailOf(inMemory("x".repeat(5000) + "end")), "x".repeat(4093) + "end");
  assert.equal(await tailOf(inMemory("€".repeat(2000))), "€".repeat(1365));
  assert.equal(await tailOf(inMemory("x€" + "y".repeat(4094))), "y".repeat(4094));
  assert.equal(await tailOf(inMemory("\ufeffa")), "\ufeffa");
});

Deno.test("resultAnswer() replaces what is not UTF-8 in the end of stderr", async () => {
  assert.equal(await tailOf(inMemory(Uint8Array.of(0x80, 0x61, 0xff))), "\ufffda\ufffd");
  const continuations = new Uint8Array(5000).fill(0x80);
  assert.equal((await tailOf(inMemory(continuations))).length, 4093);
});

Deno.test("resultAnswer() reads the end of stderr from its file, and is a problem without it if that fails", async () => {
  const text = new TextEncoder().encode("x".repeat(100_000) + "end");
  const { file, state } = storedFile(text);
  assert.equal(await tailOf(inFile(file)), "x".repeat(4093) + "end");
  assert.equal(state.closed, 1);
  const broken = storedFile(text, { before: () => Promise.reject(new Error("EIO")) });
  assert.equal(await tailOf(inFile(broken.file)), "");
  assert.equal(broken.state.closed, 1);
  const short = storedFile(text, { length: text.length + 10 });
  assert.equal(await tailOf(inFile(short.file)), "x".repeat(4083) + "end");
});

Deno.test("resultAnswer() closes all files of a run that failed, and releases what was in memory", async () => {
  const [data, output] = [storedFile(someBytes(70_000)), storedFile(someBytes(70_000))];
  const released: number[] = [];
  await resultAnswer(
    { ...exited(1), data: inFile(data.file), output: inFile(output.file) },
    { ...settings, onReleased: (bytes) => void released.push(bytes) },
  );
  assert.deepEqual([data.state.closed, output.state.closed, released], [1, 1, [3]]);
});
