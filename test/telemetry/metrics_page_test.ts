import assert from "node:assert/strict";
import { catalogue, type MetricRow } from "../../src/telemetry/catalogue.ts";
import { queriesOfThePage, tableOf } from "../support/metrics_page.ts";

function labelsOf({ labels }: MetricRow): string {
  return Object.entries(labels).map(([name, values]) => `\`${name}\`: ${values.join(", ")}`)
    .join("; ");
}

Deno.test("docs/reference/metrics.md says of every metric what the catalogue says", () => {
  const page = tableOf(["name", "type", "unit", "labels", "meaning", "example query"])
    .map((row) => row.slice(0, -1));
  const code = Object.values(catalogue).map((row) => [
    `\`${row.name}\``,
    row.type,
    row.unit,
    labelsOf(row),
    row.help,
  ]);
  assert.deepEqual(page, code);
});

Deno.test("every example of docs/reference/metrics.md is about the metric of its row", () => {
  const queries = queriesOfThePage();
  Object.values(catalogue).forEach(({ name }, index) => {
    assert.ok(queries[index]?.includes(name), `${name}: ${queries[index]}`);
  });
});
