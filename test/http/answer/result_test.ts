import assert from "node:assert/strict";
import { resultAnswer } from "../../../src/http/answer/result.ts";
import { resultOf, specOf } from "../../support/jobs.ts";

Deno.test("resultAnswer() is JSON and 200, however the command ended", () => {
  const result = resultOf(specOf("a"));
  for (
    const ending of [
      { kind: "exited", exitStatus: 3 },
      { kind: "timed_out", exitStatus: 124 },
      { kind: "not_started", exitStatus: 127, reason: "not found" },
    ] as const
  ) {
    const { status, contentType, body } = resultAnswer({ ...result, ending }, () => {});
    assert.deepEqual([status, contentType], [200, "application/json"]);
    assert.equal(JSON.parse([...body.pieces].join("")).exit_status, ending.exitStatus);
  }
});
