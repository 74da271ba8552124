import assert from "node:assert/strict";
import { inputLength, isRequestId, newJobUid, outcomeLabel } from "../../src/jobs/job.ts";

Deno.test("newJobUid() returns 128 random bits as hexadecimal digits", () => {
  const uids = new Set(Array.from({ length: 1000 }, newJobUid));
  assert.equal(uids.size, 1000);
  for (const uid of uids) assert.match(uid, /^[0-9a-f]{32}$/);
  for (let digit = 0; digit < 32; digit++) {
    const seen = new Set([...uids].map((uid) => uid[digit]));
    assert.equal(seen.size, 16, `all values of digit ${digit}`);
  }
});

Deno.test("inputLength() returns the length of the payload, wherever it lies", () => {
  assert.equal(inputLength({ kind: "bytes", bytes: new Uint8Array(7) }), 7);
  assert.equal(inputLength({ kind: "file", folder: "/f", name: "n", length: 8 }), 8);
});

Deno.test("isRequestId() accepts 1 to 128 letters, digits, hyphens, underscores and equals signs", () => {
  for (const id of ["a", "A-b_1=", "x".repeat(128)]) assert.ok(isRequestId(id), id);
  for (const id of ["", "a b", "a\n", "ä", "x".repeat(129)]) assert.ok(!isRequestId(id), id);
});

Deno.test("outcomeLabel() returns the label under which an ending is counted", () => {
  const label = (ending: Parameters<typeof outcomeLabel>[0]) => outcomeLabel(ending);
  assert.equal(label({ kind: "exited", exitStatus: 0 }), "success");
  assert.equal(label({ kind: "exited", exitStatus: 1 }), "failed");
  assert.equal(label({ kind: "signaled", signal: "SIGKILL", exitStatus: 137 }), "failed");
  for (const kind of ["timed_out", "canceled", "shutdown"] as const) {
    assert.equal(label({ kind, exitStatus: 0 }), kind);
  }
  assert.equal(label({ kind: "not_started", exitStatus: 127, reason: "x" }), "not_started");
});
