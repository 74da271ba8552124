import assert from "node:assert/strict";
import { listen, openLive, ran } from "../../support/live_answer.ts";
import { nextTurn } from "../../support/turn.ts";

for (const format of ["sse", "ndjson"] as const) {
  Deno.test(`a live answer (${format}) has the events of a job in their order, and exit last`, async () => {
    const stage = openLive(format);
    const { answer, write, waits } = stage;
    const listener = listen(answer, format);
    answer.queued(2);
    answer.queued(1);
    answer.onStarted({ id: 3, pid: 77 });
    answer.queued(1);
    write("stdout", "a");
    write("stdout", "b");
    write("stderr", "c\n::progress 40 half\nd");
    write("stdout", "e");
    waits.join.over();
    write("stdout", "f");
    answer.end(ran());
    write("stdout", "late");
    answer.onStarted({ id: 3, pid: 78 });
    answer.end(ran());
    assert.deepEqual((await listener.rest()).map(({ seq: _, ...event }) => event), [
      { event: "queued", place: 2 },
      { event: "queued", place: 1 },
      { event: "started", worker_id: 3, pid: 77 },
      { event: "stdout", text: "a" },
      { event: "stdout", text: "b" },
      { event: "stderr", text: "c\n" },
      { event: "progress", percent: 40, text: "half" },
      { event: "stderr", text: "d" },
      { event: "stdout", text: "e" },
      { event: "stdout", text: "f" },
      {
        event: "exit",
        worker_id: 1,
        elapsed_sec: 1,
        exit_status: 0,
        id: "i",
        queued_sec: 0,
        ending: "exited",
        data: "",
      },
    ]);
    answer.handedOver();
    assert.deepEqual(stage.calls, ["over"]);
    assert.equal(stage.waiting(), 0);
  });
}

Deno.test("a live answer has the event truncated where output was lost, and sends it at once", async () => {
  const { answer, write, waits } = openLive();
  const listener = listen(answer);
  write("stdout", "a");
  write("stderr", "::progress 4");
  answer.onLost("stderr", 5);
  write("stderr", "0 half\n");
  answer.onLost("stdout", 6);
  answer.onLost("stdout", 7);
  write("stdout", "b");
  waits.join.over();
  waits.join.over();
  await listener.take();
  await listener.take();
  answer.onLost("stdout", 8);
  assert.match(await listener.take() ?? "", /^{"event":"truncated","seq":\d+,"stdout_bytes":8}\n$/);
  answer.end(ran());
  answer.onLost("stdout", 9);
  assert.deepEqual(
    (await listener.rest()).slice(0, -1).map(({ seq: _, ...event }) => event),
    [
      { event: "stdout", text: "a" },
      { event: "stderr", text: "::progress 4" },
      { event: "truncated", stderr_bytes: 5 },
      { event: "stderr", text: "0 half\n" },
      { event: "truncated", stdout_bytes: 13 },
      { event: "stdout", text: "b" },
      { event: "truncated", stdout_bytes: 8 },
    ],
  );
});

Deno.test("a live answer names its format, and keeps proxies from collecting it", () => {
  for (
    const [format, type] of [
      ["sse", "text/event-stream"],
      ["ndjson", "application/x-ndjson"],
    ] as const
  ) {
    assert.deepEqual(openLive(format).answer.headers, {
      "content-type": type,
      "x-accel-buffering": "no",
    });
  }
});

Deno.test("a live answer of server-sent events begins at once", async () => {
  assert.equal(await listen(openLive("sse").answer).take(), "retry: 2000\n\n");
});

Deno.test("a live answer ends in an error without a result", async () => {
  const { answer, calls } = openLive();
  answer.queued(1);
  answer.end({ kind: "queue_timeout", queuedSec: 5, retryAfterSec: 7 });
  assert.deepEqual((await listen(answer).rest()).at(-1), {
    event: "error",
    seq: 1,
    status: 503,
    code: "queue_timeout",
    detail: "The job waited longer than JOBRUNNER_QUEUE_TIMEOUT_SEC for a worker and did not run",
    retry_after_sec: 7,
  });
  answer.handedOver();
  assert.deepEqual(calls, ["over"]);
});

Deno.test("a live answer's error has no time for a retry that is not worthwhile", async () => {
  const { answer } = openLive();
  answer.end({ kind: "spool_unusable" });
  const [error] = await listen(answer).rest();
  assert.ok(error && error["status"] === 500 && !("retry_after_sec" in error));
});

Deno.test("a live answer has the reason on stderr if the command could not be started", async () => {
  const { answer } = openLive();
  const { result } = ran();
  answer.end({
    kind: "ran",
    result: {
      ...result,
      ending: { kind: "not_started", exitStatus: 127, reason: "x: not found" },
      error: { bytes: new TextEncoder().encode("jobrunner: x: not found\n"), truncated: false },
      message: "x: not found",
    },
  });
  const [stderr, exit] = await listen(answer).rest();
  assert.equal(stderr?.["text"], "jobrunner: x: not found\n");
  assert.deepEqual([exit?.["exit_status"], exit?.["message"]], [127, "x: not found"]);
});

Deno.test("a live answer sends the first piece after a pause at once, and joins those that follow", async () => {
  const { answer, write, waits } = openLive();
  const listener = listen(answer);
  write("stdout", "a");
  assert.match(await listener.take() ?? "", /"text":"a"/);
  write("stdout", "b");
  write("stdout", "c");
  const next = listener.take();
  await nextTurn();
  write("stdout", "d");
  waits.join.over();
  assert.match(await next ?? "", /"text":"bcd"/);
  waits.join.over();
  assert.equal(waits.join.waiting, 0, "a pause");
  write("stdout", "e");
  assert.match(await listener.take() ?? "", /"text":"e"/);
});

Deno.test("a live answer does not wait with 16 KiB of output", async () => {
  const { answer, write } = openLive();
  const listener = listen(answer);
  write("stdout", "a");
  await listener.take();
  write("stdout", "x".repeat(10_000));
  const next = listener.take();
  write("stdout", "x".repeat(10_000));
  const [event] = (await next ?? "").split("\n");
  assert.ok(JSON.parse(event ?? "").text.length > 16_000);
  const other = openLive();
  const fast = listen(other.answer);
  other.write("stdout", "a");
  await fast.take();
  const second = fast.take();
  await nextTurn();
  // With 64 bytes for the event itself.
  other.write("stdout", "x".repeat(16 * 1024 - 64));
  assert.ok((await second ?? "").length > 16_000);
});

Deno.test("a live answer sends the beginning of a progress line, and of a character, when the output ends", async () => {
  const { answer, write } = openLive();
  write("stderr", "::progress 4");
  answer.onOutput("stdout", new Uint8Array([0x61, 0xe2, 0x82]));
  answer.end(ran());
  const events = await listen(answer).rest();
  assert.deepEqual(events.map((event) => event["text"] ?? event["base64"] ?? event.event), [
    "a",
    "::progress 4",
    "4oI=",
    "exit",
  ]);
});

Deno.test("a live answer sends every progress report that there is room for", async () => {
  const { answer, write } = openLive();
  write("stderr", "::progress 1\n".repeat(500));
  answer.end(ran());
  const events = await listen(answer).rest();
  assert.equal(events.filter(({ event }) => event === "progress").length, 500);
});

Deno.test("a live answer sends what it has joined before exit, and exit once", async () => {
  const { answer, calls, write } = openLive();
  await nextTurn();
  write("stdout", "a");
  write("stdout", "b");
  answer.end(ran());
  const events = await listen(answer).rest();
  assert.deepEqual(events.map(({ event }) => event), ["stdout", "stdout", "exit"]);
  assert.deepEqual(calls, []);
});
