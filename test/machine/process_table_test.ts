import assert from "node:assert/strict";
import { parsePsLine, parseStat } from "../../src/machine/process_table.ts";

Deno.test("parseStat() reads a line of /proc/PID/stat, whatever the process is called", () => {
  const rest = "S 7 3 4 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1000 10";
  for (const name of ["sh", "a b", "a) S 1 (b", ")"]) {
    assert.deepEqual(parseStat(`42 (${name}) ${rest}`), {
      pid: 42,
      parent: 7,
      group: 3,
      session: 4,
      startedAt: "987654",
    });
  }
  assert.equal(parseStat(`42 (sh) ${rest.replace("S", "Z")}`), undefined, "a zombie is not living");
  const leaderGone = `42 (sh) ${rest.replace("S", "Z").replace("20 0 1", "20 0 2")}`;
  assert.deepEqual(parseStat(leaderGone), {
    pid: 42,
    parent: 7,
    group: 3,
    session: 4,
    startedAt: "987654",
    leaderGone: true,
  });
  assert.equal(parseStat(""), undefined);
});

Deno.test("parsePsLine() reads a line of ps", () => {
  assert.deepEqual(parsePsLine("  42     7 Ss   Mon Nov 23 20:36:01 2026"), {
    pid: 42,
    parent: 7,
    startedAt: "Mon Nov 23 20:36:01 2026",
  });
  assert.equal(parsePsLine("42 7 Z Mon Nov 23 20:36:01 2026"), undefined);
  assert.equal(parsePsLine(""), undefined);
});
