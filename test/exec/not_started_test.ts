import assert from "node:assert/strict";
import { spawnFailure } from "../../src/exec/not_started.ts";

const at = (message: string) => new Error(`Failed to spawn '/x': ${message}`);

Deno.test("a machine in trouble is not the command's fault", () => {
  for (
    const detail of [
      "Resource temporarily unavailable (os error 11)",
      "Cannot allocate memory (os error 12)",
      "Too many open files in system (os error 23)",
      "Too many open files (os error 24)",
    ]
  ) {
    const failure = spawnFailure(at(detail), "/x");
    assert.equal(failure.kind, "spawn_refused", detail);
    assert.equal(failure.reason, `cannot run /x: ${detail}`);
  }
  assert.equal(
    spawnFailure(Object.assign(new Error("no"), { code: "EMFILE" }), "/x").kind,
    "spawn_refused",
  );
});

Deno.test("anything else that fails is a file that cannot be executed", () => {
  const failure = spawnFailure(at("Exec format error (os error 8)"), "/x");
  assert.deepEqual(failure, {
    kind: "not_started",
    exitStatus: 126,
    reason: "cannot run /x: Exec format error (os error 8)",
  });
});
