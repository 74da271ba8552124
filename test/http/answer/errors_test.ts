import assert from "node:assert/strict";
import { type ErrorCode, errors } from "../../../src/http/answer/errors.ts";
import { type Problem, problemAnswer } from "../../../src/http/answer/problem.ts";

Deno.test("an answer has the status that the table gives its code", () => {
  // Every row is the code of a problem, or this does not compile.
  const codes: readonly Problem["kind"][] = Object.keys(errors) as ErrorCode[];
  for (const kind of codes) {
    const { status, body } = problemAnswer({ kind } as Problem, "r1", true);
    assert.equal(status, errors[kind].status);
    assert.equal(JSON.parse(body).code, kind);
    assert.equal(JSON.parse(body).status, status);
  }
});
