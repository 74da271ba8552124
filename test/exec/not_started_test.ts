import assert from "node:assert/strict";
import { launchFailure, spawnFailure } from "../../src/exec/not_started.ts";
import { startCommand } from "../../src/exec/start.ts";
import { startOf } from "../support/cold_start.ts";
import { commandHere } from "../support/commands.ts";
import { temporaryFolder } from "../support/folder.ts";

const at = (message: string) => new Error(`Failed to spawn '/x': ${message}`);

Deno.test("spawnFailure() reports spawn_refused when the machine is out of a resource", () => {
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

Deno.test("spawnFailure() reports any other failure as a file that cannot be executed", () => {
  const failure = spawnFailure(at("Exec format error (os error 8)"), "/x");
  assert.deepEqual(failure, {
    kind: "not_started",
    exitStatus: 126,
    reason: "cannot run /x: Exec format error (os error 8)",
  });
});

Deno.test("launchFailure() gives the launcher's error number the meaning of a failed spawn", () => {
  const kinds = [11, 12, 23, 24].map((errno) => launchFailure(errno, "/x").kind);
  assert.deepEqual(new Set(kinds), new Set(["spawn_refused"]));
  const meaning = (errno: number) => {
    const failure = launchFailure(errno, "/x");
    return failure.kind === "not_started" ? [failure.exitStatus, failure.reason] : failure;
  };
  assert.deepEqual(meaning(2), [
    127,
    "cannot run /x: not found (the file itself, or the interpreter its first line names)",
  ]);
  for (const errno of [1, 13]) {
    assert.deepEqual(meaning(errno), [
      126,
      "cannot run /x: permission denied (it must be an executable file)",
    ]);
  }
  assert.deepEqual(meaning(7), [126, "cannot run /x: Argument list too long (os error 7)"]);
  assert.deepEqual(meaning(999), [126, "cannot run /x: Unknown error (os error 999)"]);
});

Deno.test("launchFailure() names the working directory or the niceness if that kept a command from starting", () => {
  const notStarted = (detail: string) => ({
    kind: "not_started",
    exitStatus: 126,
    reason: `cannot run /x: ${detail}`,
  });
  const folder = "the working directory cannot be entered";
  const niceness = "its niceness cannot be set";
  for (
    const [reported, detail] of [
      [202, `${folder}: No such file or directory (os error 2)`],
      [201, `${folder}: Operation not permitted (os error 1)`],
      [213, `${folder}: Permission denied (os error 13)`],
      [222, `${folder}: Invalid argument (os error 22)`],
      [236, `${folder}: File name too long (os error 36)`],
      [333, `${folder}: Unknown error (os error 133)`],
      [401, `${niceness}: Operation not permitted (os error 1)`],
      [413, `${niceness}: Permission denied (os error 13)`],
      [533, `${niceness}: Unknown error (os error 133)`],
      [602, "Unknown error (os error 602)"],
    ] as const
  ) {
    assert.deepEqual(launchFailure(reported, "/x"), notStarted(detail));
  }
  assert.deepEqual(launchFailure(212, "/x"), {
    kind: "spawn_refused",
    reason: `cannot run /x: ${folder}: Cannot allocate memory (os error 12)`,
  });
  assert.equal(launchFailure(411, "/x").kind, "spawn_refused");
});

Deno.test("spawnFailure() is 126 for a missing working directory, which it names, and 127 for a missing program", async () => {
  using folder = temporaryFolder();
  const file = `${folder.path}/file`;
  Deno.writeTextFileSync(file, "");
  const failureOf = async (program: string, workingDirectory: string) => {
    const command = { ...commandHere(["/bin/sh"]), program };
    try {
      await startCommand({ ...startOf(["/bin/sh"]), command, workingDirectory }, {}, 1);
    } catch (error) {
      return spawnFailure(error, program);
    }
    assert.fail("it was started");
  };
  for (const place of [`${folder.path}/missing`, file, `${file}/below`]) {
    for (const program of ["/bin/sh", "/no/such/cwd"]) {
      const failure = await failureOf(program, place);
      assert.ok(failure.kind === "not_started");
      assert.equal(failure.exitStatus, 126);
      assert.ok(failure.reason.startsWith(`cannot run ${program}: `), failure.reason);
      assert.ok(failure.reason.includes(`'${place}'`), failure.reason);
    }
  }
  const missing = await failureOf("/no/such/cwd", folder.path);
  assert.equal(missing.kind === "not_started" && missing.exitStatus, 127);
});
