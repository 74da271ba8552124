import assert from "node:assert/strict";
import type { JobResult } from "../../src/jobs/job.ts";
import { metadataHeaders, metadataOf } from "../../src/wire/metadata.ts";

const nothing = { bytes: new Uint8Array(), truncated: false };

const result: JobResult = {
  id: "i",
  workerId: 2,
  queuedSec: 0.25,
  elapsedSec: 1.5,
  ending: { kind: "exited", exitStatus: 3 },
  output: nothing,
  error: nothing,
  data: nothing,
};

Deno.test("metadataOf() describes a result; what does not apply is absent", () => {
  assert.deepEqual(metadataOf(result), {
    "X-JR-Id": "i",
    "X-JR-Worker-Id": "2",
    "X-JR-Exit-Status": "3",
    "X-JR-Ending": "exited",
    "X-JR-Elapsed-Sec": "1.5",
    "X-JR-Queued-Sec": "0.25",
  });
  const cut = { ...nothing, truncated: true };
  assert.deepEqual(
    metadataOf({
      ...result,
      ending: { kind: "timed_out", exitStatus: 124, signal: "SIGKILL" },
      data: cut,
      error: cut,
      message: "cut",
      names: { command: "pdf", pool: "office" },
    }),
    {
      "X-JR-Id": "i",
      "X-JR-Worker-Id": "2",
      "X-JR-Exit-Status": "124",
      "X-JR-Ending": "timed_out",
      "X-JR-Signal": "SIGKILL",
      "X-JR-Elapsed-Sec": "1.5",
      "X-JR-Queued-Sec": "0.25",
      "X-JR-Truncated": "data, error",
      "X-JR-Message": "cut",
      "X-JR-Command": "pdf",
      "X-JR-Pool": "office",
    },
  );
});

Deno.test("metadataOf() says of a process that was there before the job, and only of that, that it is warm", () => {
  assert.deepEqual(metadataOf({ ...result, warm: true }), {
    ...metadataOf(result),
    "X-JR-Warm": "true",
  });
  assert.deepEqual(metadataOf({ ...result, warm: false }), metadataOf(result));
});

Deno.test("metadataOf() names the machine that ran the job, if several share a queue", () => {
  assert.deepEqual(metadataOf({ ...result, node: "büro-2" }), {
    ...metadataOf(result),
    "X-JR-Node": "b%C3%BCro-2",
  });
});

Deno.test("metadataOf() makes headers of any id and message, which decodeURIComponent() restores", () => {
  for (const text of ["ä\r\nX: y", "100 %", "/a b?", "\u{1f600}\x7f\0", "%41"]) {
    const fields = new Headers(metadataOf({ ...result, id: text, message: text }));
    for (const name of [metadataHeaders.id, metadataHeaders.message]) {
      assert.equal(decodeURIComponent(fields.get(name) ?? ""), text);
    }
  }
  const { "X-JR-Message": message, "X-JR-Id": id } = metadataOf({
    ...result,
    id: "a b",
    message: "cannot run 50% of /a: é",
  });
  assert.equal(id, "a%20b");
  assert.equal(message, "cannot run 50%25 of /a: %C3%A9");
});
