import assert from "node:assert/strict";
import { parseEvent } from "../../src/wire/received_event.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const parse = (event: unknown) => parseEvent(JSON.stringify(event));

Deno.test("parseEvent() reads each kind of event", () => {
  const cases: [unknown, ReturnType<typeof parseEvent>][] = [
    [{ event: "queued", seq: 0, place: 3 }, { kind: "queued", place: 3 }],
    [{ event: "started", worker_id: 1, pid: 77 }, { kind: "started" }],
    [{ event: "stdout", text: "ä\n" }, { kind: "stdout", bytes: bytes("ä\n") }],
    [{ event: "stderr", base64: "/w==" }, { kind: "stderr", bytes: Uint8Array.of(255) }],
    [
      { event: "progress", percent: 40.5, text: "page 4" },
      { kind: "progress", percent: 40.5, text: "page 4" },
    ],
    [{ event: "progress", percent: 400 }, { kind: "progress", percent: 100, text: "" }],
    [{ event: "truncated", stdout_bytes: 5, stderr_bytes: 2 }, { kind: "truncated", bytes: 7 }],
    [{ event: "ping" }, { kind: "other" }],
    [{ event: "anything new" }, { kind: "other" }],
    [
      { event: "error", status: 503, code: "draining", detail: "words", retry_after_sec: 5 },
      {
        kind: "error",
        status: 503,
        problem: { code: "draining", detail: "words" },
        retryAfterSec: 5,
      },
    ],
  ];
  for (const [event, read] of cases) assert.deepEqual(parse(event), read);
});

Deno.test("parseEvent() reads a result with the response file, without one, and with one that is too large", () => {
  const exit = { event: "exit", exit_status: 3 };
  const result = { exitStatus: 3, truncated: [] };
  assert.deepEqual(parse({ ...exit, data: "eA==" }), {
    kind: "exit",
    result,
    data: bytes("x"),
    dataBytes: 1,
  });
  assert.deepEqual(parse(exit), { kind: "exit", result, data: bytes(""), dataBytes: 0 });
  assert.deepEqual(parse({ ...exit, data_truncated: true, data_bytes: 2_000_000 }), {
    kind: "exit",
    result: { exitStatus: 3, truncated: ["data"] },
    data: undefined,
    dataBytes: 2_000_000,
  });
});

Deno.test("parseEvent() returns undefined for a line that is not an event", () => {
  const lines = [
    "",
    "x",
    "null",
    "[]",
    "{}",
    '{"event":1}',
    '{"event":"stdout"}',
    '{"event":"stdout","base64":"?"}',
    '{"event":"exit"}',
    '{"event":"exit","exit_status":0,"data":"?"}',
  ];
  for (const line of lines) assert.equal(parseEvent(line), undefined, line);
});
