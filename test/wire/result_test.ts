import assert from "node:assert/strict";
import type { JobResult } from "../../src/jobs/job.ts";
import { encodeResult, encodeSummary } from "../../src/wire/result.ts";

const encode = (text: string) => new TextEncoder().encode(text);

const result: JobResult = {
  id: "i",
  workerId: 2,
  queuedSec: 0.25,
  elapsedSec: 1.5,
  ending: { kind: "exited", exitStatus: 3 },
  output: { bytes: encode("o"), truncated: false },
  error: { bytes: encode("e"), truncated: false },
  data: { bytes: new Uint8Array([0, 255]), truncated: false },
};

Deno.test("encodeResult() makes one line with the six keys of the contract first, in order", () => {
  assert.equal(
    [...encodeResult(result).pieces].join(""),
    '{"data":"AP8=","worker_id":2,"elapsed_sec":1.5,"exit_status":3,"output":"bw==","error":"ZQ==",' +
      '"id":"i","queued_sec":0.25,"ending":"exited"}\n',
  );
});

Deno.test("encodeResult() includes the optional keys when they apply", () => {
  const cut = (text: string) => ({ bytes: encode(text), truncated: true });
  const text = [
    ...encodeResult({
      ...result,
      ending: { kind: "signaled", signal: "SIGKILL", exitStatus: 137 },
      output: cut("o"),
      error: cut("e"),
      data: cut("d"),
      message: "what happened",
    }).pieces,
  ].join("");
  assert.match(text, /"exit_status":137,/);
  assert.match(
    text,
    /"ending":"signaled","signal":"SIGKILL","output_truncated":true,"error_truncated":true,"data_truncated":true,"message":"what happened"}\n$/,
  );
});

Deno.test("encodeResult() names the command and its pool directly after the ending", () => {
  const names = { command: "thumbs", pool: "office" };
  const ending = { kind: "timed_out", exitStatus: 124, signal: "SIGTERM" } as const;
  assert.match(
    [...encodeResult({ ...result, ending, names }).pieces].join(""),
    /"ending":"timed_out","command":"thumbs","pool":"office","signal":"SIGTERM","timed_out":true}\n$/,
  );
});

Deno.test("encodeResult() names the machine that ran the job, if several share a queue, after the pool", () => {
  const text = (more: Partial<JobResult>) =>
    [...encodeResult({ ...result, ...more }).pieces].join("");
  const names = { command: "thumbs", pool: "office" };
  assert.match(
    text({ node: "b", names, warm: true }),
    /"ending":"exited","command":"thumbs","pool":"office","node":"b","warm":true}\n$/,
  );
  assert.match(text({ node: "b" }), /"ending":"exited","node":"b"}\n$/);
  assert.equal(text({ node: undefined }), text({}));
});

Deno.test("encodeResult() yields a large result in pieces that form the same JSON", () => {
  const bytes = new Uint8Array(2_000_003).map((_, index) => index % 253);
  const expected = bytes.toBase64();
  const pieces = [...encodeResult({ ...result, output: { bytes, truncated: false } }).pieces];
  assert.ok(pieces.length > 5 && pieces.every((piece) => piece.length <= 2 ** 20));
  assert.equal(JSON.parse(pieces.join("")).output, expected);
  assert.equal(bytes.length, 0, "the memory is given back");
});

Deno.test("encodeResult() measures bytes of UTF-8, and is done with small captures at once", () => {
  for (const length of [0, 1, 16_384, 16_385]) {
    const done: number[] = [];
    const output = { bytes: new Uint8Array(length), truncated: false };
    const id = "\u00e4\u20ac\ud83d\ude00";
    const empty = { bytes: new Uint8Array(), truncated: false };
    const { byteLength, pieces } = encodeResult(
      { ...result, id, message: "\u00fc", data: empty, error: empty, output },
      (bytes) => void done.push(bytes),
    );
    const sum = () => done.reduce((one, other) => one + other, 0);
    assert.equal(sum(), length <= 16_384 ? length : 0, "before it is read");
    const text = [...pieces].join("");
    assert.equal(encode(text).length, byteLength);
    assert.equal(JSON.parse(text).output, new Uint8Array(length).toBase64());
    assert.equal(sum(), length);
  }
});

Deno.test("encodeSummary() is the same object with lengths in place of the outputs", () => {
  const cut = { ...result.data, truncated: true };
  assert.equal(
    encodeSummary({ ...result, data: cut }, { data: 2, output: 5_000_000_000, error: 1 }),
    '{"worker_id":2,"elapsed_sec":1.5,"exit_status":3,"id":"i","queued_sec":0.25,"ending":"exited",' +
      '"data_truncated":true,"data_bytes":2,"output_bytes":5000000000,"error_bytes":1}',
  );
});

Deno.test("encodeResult() says of a process that was there before the job, and only of that, that it is warm", () => {
  const text = (more: Partial<JobResult>) =>
    [...encodeResult({ ...result, ...more }).pieces].join("");
  const names = { command: "thumbs", pool: "office" };
  assert.match(
    text({ warm: true, processJobs: 2, names, message: "m" }),
    /"ending":"exited","command":"thumbs","pool":"office","warm":true,"message":"m"}\n$/,
  );
  assert.equal(text({ warm: false, processJobs: 1 }), text({}));
});
