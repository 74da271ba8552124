import assert from "node:assert/strict";
import type { FailedRun } from "../../../src/http/answer/failed_run.ts";
import { type Problem, problemAnswer } from "../../../src/http/answer/problem.ts";
import { rejectionOf } from "../../../src/http/answer/rejection.ts";

const failed: FailedRun = {
  kind: "command_failed",
  status: 422,
  ending: { kind: "exited", exitStatus: 3 },
  metadata: { "X-JR-Id": "a", "X-JR-Exit-Status": "3" },
  stderrTail: "one\ntwo\n",
};

const killed: FailedRun = {
  ...failed,
  ending: { kind: "signaled", exitStatus: 139, signal: "SIGSEGV" },
  stderrTail: "half a line",
};

const about = { metadata: { "X-JR-Id": "a" } };

const notStarted: FailedRun = {
  kind: "command_not_started",
  ending: { kind: "not_started", exitStatus: 127, reason: "cannot run x: not found" },
  ...about,
};

const timedOut: FailedRun = {
  kind: "timed_out",
  ending: { kind: "timed_out", exitStatus: 124, signal: "SIGKILL" },
  ...about,
};

const stopped: FailedRun = {
  kind: "draining",
  ending: { kind: "shutdown", exitStatus: 143 },
  ...about,
  retryAfterSec: 7,
};

Deno.test("problemAnswer() of a command that failed is its sentence, an empty line and the end of stderr", () => {
  const text = (problem: Problem) => problemAnswer(problem, "r", false).body;
  assert.equal(text(failed), "The command exited with status 3\n\none\ntwo\n");
  assert.equal(text(killed), "The command was killed by SIGSEGV\n\nhalf a line\n");
  assert.equal(text({ ...failed, stderrTail: "" }), "The command exited with status 3\n");
  assert.equal(
    text({ ...killed, ending: { kind: "canceled", exitStatus: 143 } }),
    "The command was killed because its client disconnected\n\nhalf a line\n",
  );
});

Deno.test("problemAnswer() of a run that did not succeed has the headers of its result", () => {
  for (const problem of [failed, notStarted, timedOut, stopped]) {
    for (const asJson of [false, true]) {
      assert.equal(problemAnswer(problem, "r", asJson).headers["X-JR-Id"], "a");
    }
  }
  assert.equal(problemAnswer(stopped, "r", false).headers["retry-after"], "7");
  assert.equal(problemAnswer(failed, "r", false).headers["x-content-type-options"], "nosniff");
});

Deno.test("problemAnswer() of a run that did not succeed has its ending in problem details", () => {
  const members = (problem: Problem) => {
    const { type: _, request_id: __, ...rest } = JSON.parse(problemAnswer(problem, "r", true).body);
    return rest;
  };
  assert.deepEqual(members(killed), {
    title: "Unprocessable Content",
    status: 422,
    detail: "The command was killed by SIGSEGV",
    code: "command_failed",
    exit_status: 139,
    ending: "signaled",
    signal: "SIGSEGV",
    stderr_tail: "half a line",
  });
  assert.deepEqual(members(notStarted), {
    title: "Internal Server Error",
    status: 500,
    detail: "The command could not be started: cannot run x: not found",
    code: "command_not_started",
    exit_status: 127,
    ending: "not_started",
  });
  assert.deepEqual(members(timedOut), {
    title: "Gateway Timeout",
    status: 504,
    detail: "The command ran longer than its time limit and was killed",
    code: "timed_out",
    exit_status: 124,
    ending: "timed_out",
    signal: "SIGKILL",
  });
  assert.deepEqual(members(stopped), {
    title: "Service Unavailable",
    status: 503,
    detail: "The server is stopping and has killed the command",
    code: "draining",
    exit_status: 143,
    ending: "shutdown",
  });
});

Deno.test("problemAnswer() has the configured status of a command that failed, with the title of its class", () => {
  for (
    const [status, title] of [
      [400, "Bad Request"],
      [418, "Bad Request"],
      [500, "Internal Server Error"],
      [599, "Internal Server Error"],
      [507, "Insufficient Storage"],
    ] as const
  ) {
    const answer = problemAnswer({ ...failed, status }, "r", true);
    assert.equal(answer.status, status);
    assert.equal(JSON.parse(answer.body).status, status);
    assert.equal(JSON.parse(answer.body).title, title);
  }
});

Deno.test("problemAnswer() lists what there is to a client that accepts nothing of it", () => {
  const { status, body } = problemAnswer(
    { kind: "not_acceptable", types: ["image/png", "text/plain"] },
    "r",
    false,
  );
  assert.equal(status, 406);
  assert.equal(
    body,
    "The Accept header allows none of the formats of an answer: image/png, text/plain\n",
  );
});

Deno.test("problemAnswer() says when to retry where a retry helps", () => {
  for (
    const kind of ["spool_full", "too_many_listeners", "uploads_full", "queue_unavailable"] as const
  ) {
    assert.equal(problemAnswer({ kind, retryAfterSec: 9 }, "r", false).headers["retry-after"], "9");
  }
  for (const kind of ["disk_full", "node_lost"] as const) {
    assert.equal(problemAnswer({ kind }, "r", false).headers["retry-after"], undefined);
  }
});

Deno.test("problemAnswer() tells a client whose machine was lost that the job may have run", () => {
  const { status, headers, body } = problemAnswer({ kind: "node_lost" }, "r", true);
  assert.deepEqual([status, headers["content-type"]], [502, "application/problem+json"]);
  assert.deepEqual(JSON.parse(body), {
    type: "about:blank",
    title: "Bad Gateway",
    status: 502,
    detail: "The machine that ran the job was lost; the job may have run",
    code: "node_lost",
    request_id: "r",
  });
});

Deno.test("problemAnswer() keeps the connection of a client whose job the shared queue did not take", () => {
  const { status, headers, body } = problemAnswer(
    { kind: "queue_unavailable", retryAfterSec: 3 },
    "r",
    false,
  );
  assert.deepEqual([status, headers["connection"]], [503, undefined]);
  assert.equal(body, "The queue that the machines share cannot be reached\n");
});

Deno.test("rejectionOf() counts no run, and each refusal of a form under its reason", () => {
  for (const problem of [failed, notStarted, timedOut, stopped, { kind: "node_lost" } as const]) {
    assert.equal(rejectionOf(problem), undefined);
  }
  const sentence = "x";
  const refusals: readonly (readonly [Problem, string])[] = [
    [{ kind: "not_acceptable", types: [] }, "invalid"],
    [{ kind: "bad_multipart", sentence }, "invalid"],
    [{ kind: "digest_mismatch" }, "invalid"],
    [{ kind: "too_many_parts", sentence }, "too_large"],
    [{ kind: "spool_full", retryAfterSec: 1 }, "spool_full"],
    [{ kind: "disk_full" }, "disk_full"],
    [{ kind: "too_many_listeners", retryAfterSec: 1 }, "too_many_listeners"],
    [{ kind: "draining", retryAfterSec: 1 }, "draining"],
    [{ kind: "queue_unavailable", retryAfterSec: 1 }, "queue_unavailable"],
  ];
  for (const [problem, reason] of refusals) assert.equal(rejectionOf(problem), reason);
});
