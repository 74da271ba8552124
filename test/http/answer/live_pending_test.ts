import assert from "node:assert/strict";
import { createPendingEvents } from "../../../src/http/answer/live_pending.ts";
import { encode } from "../../support/pieces.ts";

Deno.test("createPendingEvents() joins pieces of one stream, and keeps the order of both", () => {
  const pending = createPendingEvents();
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

Deno.test("createPendingEvents() is full with 16 KiB, the events themselves included, and cuts no piece", () => {
  const pending = createPendingEvents();
  pending.add("stdout", encode("x".repeat(16 * 1024 - 65)));
  assert.ok(!pending.isFull);
  pending.add("stdout", encode("y".repeat(65_536)));
  assert.ok(pending.isFull);
  assert.equal(pending.take(false).length, 1);
  assert.ok(!pending.isFull);
  let count = 0;
  for (; !pending.isFull; count++) pending.add(count % 2 === 0 ? "stdout" : "stderr", encode("x"));
  assert.ok(count > 200 && count < 300);
  pending.take(false);
  for (count = 0; !pending.isFull; count++) pending.progress({ percent: 1, text: "text" });
  assert.ok(count > 200 && count < 300);
});

Deno.test("createPendingEvents() sends the counts of what was dropped, then the latest progress", () => {
  const pending = createPendingEvents();
  const full = encode("x".repeat(20_000));
  pending.add("stdout", full);
  pending.progress({ percent: 1, text: "" });
  pending.drop("stderr", 5);
  pending.progress({ percent: 2, text: "" });
  pending.drop("stdout", 6);
  pending.drop("stderr", 7);
  assert.deepEqual(pending.take(false).slice(1), [
    { event: "truncated", stdout_bytes: 6, stderr_bytes: 12 },
    { event: "progress", percent: 2, text: "" },
  ]);
  assert.deepEqual(pending.take(true), []);
  assert.ok(pending.isEmpty);
});

for (const stream of ["stdout", "stderr"] as const) {
  Deno.test(`createPendingEvents() ends a character of ${stream} before a gap, and at the end`, () => {
    const pending = createPendingEvents();
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
