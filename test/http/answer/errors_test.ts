import assert from "node:assert/strict";
import { type ErrorCode, errors, type ErrorStatus } from "../../../src/http/answer/errors.ts";
import { type Problem, problemAnswer } from "../../../src/http/answer/problem.ts";

/** A problem of this kind with what its answer needs. */
function problemOf(kind: Problem["kind"]): Problem {
  const ofRuns = [
    ...["command_failed", "timed_out", "command_not_started"],
    ...["result_truncated", "result_unreadable"],
  ];
  const run = { ending: { kind: "exited", exitStatus: 1 }, metadata: {}, sentence: "" };
  const more = ofRuns.includes(kind) ? run : { names: ["pdf"], types: [] };
  return { kind, ...more, ...(kind === "command_failed" ? { status: 422 } : {}) } as Problem;
}

Deno.test("an answer has the status that the table gives its code", () => {
  // Every row is the code of a problem, or this does not compile.
  const codes: readonly Problem["kind"][] = Object.keys(errors) as ErrorCode[];
  for (const kind of codes) {
    const { status, body } = problemAnswer(problemOf(kind), "r1", true);
    assert.equal(status, errors[kind].status);
    assert.equal(JSON.parse(body).code, kind);
    assert.equal(JSON.parse(body).status, status);
  }
});

Deno.test("errors: each code has the status that clients rely on", () => {
  const codesOf = (status: ErrorStatus) =>
    (Object.keys(errors) as ErrorCode[]).filter((code) => errors[code].status === status);
  assert.deepEqual(codesOf(400), [
    "invalid",
    "body_unreadable",
    "bad_multipart",
    "digest_mismatch",
    "client_gone",
  ]);
  assert.deepEqual(codesOf(401), ["unauthorized"]);
  assert.deepEqual(codesOf(403), [
    ...["forbidden", "command_forbidden", "cross_site", "unknown_host"],
  ]);
  assert.deepEqual(codesOf(404), ["not_found", "unknown_command", "no_default_command"]);
  assert.deepEqual(codesOf(405), ["method_not_allowed"]);
  assert.deepEqual(codesOf(406), ["not_acceptable"]);
  assert.deepEqual(codesOf(408), ["request_timeout"]);
  assert.deepEqual(codesOf(411), ["length_required"]);
  assert.deepEqual(codesOf(413), ["too_large", "too_many_parts"]);
  assert.deepEqual(codesOf(415), ["unsupported_encoding"]);
  assert.deepEqual(codesOf(422), ["command_failed"]);
  assert.deepEqual(codesOf(429), ["client_limit"]);
  assert.deepEqual(codesOf(500), [
    ...["spool_unusable", "result_unreadable", "command_not_started", "internal"],
  ]);
  assert.deepEqual(codesOf(502), ["node_lost"]);
  assert.deepEqual(codesOf(503), [
    "queue_full",
    "uploads_full",
    "spool_full",
    "too_many_listeners",
    "queue_timeout",
    "queue_unavailable",
    "buffers_full",
    "draining",
    "spawn_refused",
  ]);
  assert.deepEqual(codesOf(504), ["timed_out"]);
  assert.deepEqual(codesOf(507), ["result_truncated", "disk_full"]);
});
