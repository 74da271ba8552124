import assert from "node:assert/strict";
import { catalogue } from "../../src/telemetry/catalogue.ts";

Deno.test("the example of every metric is a query of it", () => {
  for (const { name, example } of Object.values(catalogue)) {
    assert.ok(example.includes(name), `${name}: ${example}`);
  }
});
