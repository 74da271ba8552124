import assert from "node:assert/strict";
import { createPendingEvents } from "../../../src/http/answer/live_pending.ts";
import { encode } from "../../support/pieces.ts";

function setUp() {
  let held = 0;
  return { pending: createPendingEvents((bytes) => void (held += bytes)), held: () => held };
}

Deno.test("createPendingEvents() joins pieces of one stream, and keeps the order of both", () => {
  const { pending } = setUp();
  assert.ok(pending.isEmpty);
  pending.add("stdout", encode("a"));
  pending.add("stdout", encode("b"));
  pending.add("stderr", encode("c"));
  pending.progress({ percent: 1, text: "" });
  pending.add("stderr", encode("d"));
  assert.ok(!pending.isEmpty);
  assert.deepEqual(pending.take(false), [
    { event: "stdout", text: "ab" },
    { event: "stderr", text: "c" },
    { event: "progress", percent: 1, text: "" },
    { event: "stderr", text: "d" },
  ]);
  assert.ok(pending.isEmpty);
  assert.deepEqual(pending.take(true), []);
});

Deno.test("createPendingEvents() has enough with 16 KiB, and is full with 1 MiB, the events themselves included", () => {
  const { pending } = setUp();
  const limits = [["isEnough", 16 * 1024], ["isFull", 1024 * 1024]] as const;
  const events = [
    (count: number) => pending.add(count % 2 === 0 ? "stdout" : "stderr", encode("x")),
    () => pending.progress({ percent: 1, text: "text" }),
  ];
  for (const [limit, bytes] of limits) {
    const most = bytes / 256;
    for (const event of events) {
      let count = 0;
      for (; !pending[limit]; count++) event(count);
      assert.ok(count > 0.9 * most && count <= most);
      pending.clear();
    }
    for (let left = bytes - 1; left > 0;) {
      const length = Math.min(left - 256, 65_536);
      pending.add("stdout", encode("x".repeat(length)));
      left -= 256 + length;
    }
    assert.ok(!pending[limit]);
    pending.add("stderr", encode("x"));
    assert.ok(pending[limit]);
    pending.clear();
    assert.ok(!pending[limit]);
  }
});

Deno.test("createPendingEvents() gives out batches of up to 64 KiB, and cuts no piece", () => {
  const { pending } = setUp();
  const lengths = () =>
    pending.take(false).map((event) => "text" in event ? event.text.length : event.event);
  pending.started({ id: 1, pid: 7 });
  for (const length of [60_000, 5000, 1000, 100_000]) {
    pending.add("stdout", encode("x".repeat(length)));
  }
  assert.deepEqual([lengths(), lengths(), lengths(), lengths()], [
    ["started", 65_000],
    [1000],
    [100_000],
    [],
  ]);
  for (let count = 0; count < 1000; count++) pending.progress({ percent: 1, text: "" });
  let batches = 0;
  for (; !pending.isEmpty; batches++) pending.take(false);
  assert.equal(batches, 4);
});

Deno.test("createPendingEvents() completes a character from the next batch, also at the end of the output", () => {
  const { pending } = setUp();
  const all = encode(`${"x".repeat(65_535)}€${"y".repeat(65_533)}`);
  pending.add("stdout", all.subarray(0, 65_536));
  pending.add("stdout", all.subarray(65_536));
  assert.deepEqual([pending.take(true), pending.take(true)], [
    [{ event: "stdout", text: "x".repeat(65_535) }],
    [{ event: "stdout", text: `€${"y".repeat(65_533)}` }],
  ]);
});

Deno.test("createPendingEvents() reports what it holds until that is taken or thrown away", () => {
  const { pending, held } = setUp();
  pending.add("stdout", encode("x".repeat(60_000)));
  pending.add("stderr", encode("y".repeat(10_000)));
  pending.progress({ percent: 1, text: "abc" });
  assert.equal(held(), 60_000 + 10_000 + 3 + 3 * 256);
  pending.take(false);
  assert.equal(held(), 10_000 + 3 + 2 * 256);
  pending.clear();
  assert.deepEqual([held(), pending.isEmpty, pending.take(true)], [0, true, []]);
});

Deno.test("createPendingEvents() has the counts of what was dropped, then the latest progress, where the gap is", () => {
  const { pending, held } = setUp();
  while (!pending.isFull) pending.add("stdout", encode("x".repeat(65_000)));
  pending.progress({ percent: 1, text: "" });
  pending.drop("stderr", 5);
  pending.progress({ percent: 2, text: "" });
  pending.drop("stdout", 6);
  pending.drop("stderr", 7);
  pending.take(false);
  pending.add("stdout", encode("after"));
  const events = [];
  while (!pending.isEmpty) events.push(...pending.take(false));
  assert.deepEqual(events.slice(-3), [
    { event: "truncated", stdout_bytes: 6, stderr_bytes: 12 },
    { event: "progress", percent: 2, text: "" },
    { event: "stdout", text: "after" },
  ]);
  assert.deepEqual([pending.take(true), held()], [[], 0]);
});

Deno.test("createPendingEvents() has only the latest progress if nothing else came while it was full", () => {
  const { pending } = setUp();
  while (!pending.isFull) pending.add("stdout", encode("x".repeat(65_000)));
  pending.progress({ percent: 1, text: "" });
  pending.progress({ percent: 2, text: "" });
  const events = [];
  while (!pending.isEmpty) events.push(...pending.take(false));
  assert.deepEqual(events.slice(17), [{ event: "progress", percent: 2, text: "" }]);
});

Deno.test("createPendingEvents() has the counts of what was lost where it is missing, also with room", () => {
  const { pending, held } = setUp();
  pending.add("stdout", encode("a"));
  pending.drop("stdout", 5);
  pending.drop("stderr", 6);
  pending.add("stdout", encode("b"));
  pending.drop("stderr", 7);
  assert.deepEqual(pending.take(false), [
    { event: "stdout", text: "a" },
    { event: "truncated", stdout_bytes: 5, stderr_bytes: 6 },
    { event: "stdout", text: "b" },
    { event: "truncated", stdout_bytes: undefined, stderr_bytes: 7 },
  ]);
  assert.ok(pending.isEmpty);
  assert.equal(held(), 0);
});

Deno.test("createPendingEvents() names the machine of a command that has started, if there are several", () => {
  const { pending } = setUp();
  pending.started({ id: 1, pid: 7, node: "b" });
  assert.deepEqual(pending.take(false), [{ event: "started", worker_id: 1, pid: 7, node: "b" }]);
});

for (const stream of ["stdout", "stderr"] as const) {
  Deno.test(`createPendingEvents() ends a character of ${stream} before a gap, and at the end`, () => {
    const { pending } = setUp();
    const [euro, rest] = [encode("€").subarray(0, 2), encode("€").subarray(2)];
    pending.add(stream, euro);
    assert.deepEqual(pending.take(false), []);
    pending.add(stream, rest);
    assert.deepEqual(pending.take(false), [{ event: stream, text: "€" }]);
    pending.add(stream, euro);
    pending.drop(stream, 1);
    assert.deepEqual(pending.take(false), [
      { event: stream, base64: "4oI=" },
      {
        event: "truncated",
        stdout_bytes: stream === "stdout" ? 1 : undefined,
        stderr_bytes: stream === "stderr" ? 1 : undefined,
      },
    ]);
    pending.add(stream, euro);
    assert.deepEqual(pending.take(true), [{ event: stream, base64: "4oI=" }]);
  });
}
