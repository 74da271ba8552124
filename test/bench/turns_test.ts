import assert from "node:assert/strict";
import { perTurn, takeTurns } from "../../bench/turns.ts";

Deno.test("perTurn() spreads jobs evenly over the turns of all rounds", () => {
  assert.deepEqual(perTurn(600, { rounds: 2, turns: 3 }), [[100, 100, 100], [100, 100, 100]]);
  const uneven = perTurn(1000, { rounds: 3, turns: 4 });
  assert.deepEqual(uneven.map((turns) => turns.length), [4, 4, 4]);
  assert.equal(uneven.flat().reduce((sum, jobs) => sum + jobs), 1000);
});

Deno.test("perTurn() gives at least one job to each turn", () => {
  assert.deepEqual(perTurn(1, { rounds: 2, turns: 2 }), [[1, 1], [1, 1]]);
});

Deno.test("takeTurns() reverses the order of the sides from turn to turn", async () => {
  const measured: string[] = [];
  const results = await takeTurns({ a: "A", b: "B", c: "C" }, [5, 6], (side, jobs) => {
    measured.push(`${side}${jobs}`);
    return Promise.resolve(measured.length);
  });
  assert.deepEqual(measured, ["A5", "B5", "C5", "C6", "B6", "A6"]);
  assert.deepEqual(results, { a: [1, 6], b: [2, 5], c: [3, 4] });
});
