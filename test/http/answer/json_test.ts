import assert from "node:assert/strict";
import { jsonAnswer } from "../../../src/http/answer/json.ts";
import { resultOf, specOf } from "../../support/jobs.ts";

Deno.test("jsonAnswer() is JSON and 200, however the command ended", () => {
  const result = resultOf(specOf("a"));
  for (
    const ending of [
      { kind: "exited", exitStatus: 3 },
      { kind: "timed_out", exitStatus: 124 },
      { kind: "not_started", exitStatus: 127, reason: "not found" },
    ] as const
  ) {
    const { status, headers, body } = jsonAnswer({ ...result, ending }, () => {});
    const text = [...body.pieces].join("");
    assert.equal(status, 200);
    assert.deepEqual(headers, {
      "content-type": "application/json",
      "content-length": String(text.length),
    });
    assert.equal(JSON.parse(text).exit_status, ending.exitStatus);
  }
});
