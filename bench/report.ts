/**
 * What was measured, as a table for people.
 *
 * @module
 */

import { type Figure, goalText } from "./figure.ts";
import type { Machine } from "./machine.ts";
import type { Measured } from "./scenario.ts";
import type { Settings } from "./settings.ts";

/** Everything that was measured, and where. It is also what `results.json` holds. */
export interface Report {
  /** When, in ISO 8601. */
  readonly at: string;
  /** Version of jobrunner. */
  readonly jobrunner: string;
  /** Version of Deno. */
  readonly deno: string;
  /** Where. */
  readonly machine: Machine;
  /** How much of everything. */
  readonly settings: Settings;
  /** How every server of ours was started. */
  readonly server: typeof serverSetup;
  /** In the order in which they ran. */
  readonly scenarios: readonly (Outcome & { readonly name: string })[];
  /** One sentence for each group of figures that is missing. */
  readonly leftOut: readonly string[];
}

/** The result of a scenario: figures, or why there are none. */
export type Outcome = Measured | { readonly failure: string };

/** How every server of ours is started. */
export const serverSetup = {
  sandbox: "on",
  metrics: "on",
  log: "json, to a file",
  environment: "small, as a service manager's",
} as const;

/** The report as text: the machine and the setup, then one table, then the details of its rows. */
export function render(report: Report): string {
  const { machine, settings, server, scenarios } = report;
  const head = [
    `jobrunner ${report.jobrunner} on Deno ${report.deno}, ${report.at}`,
    machineText(machine),
    `${
      serverText(server)
    }; clients and server share the cores; goals are for 2 cores and Deno 2.9.6`,
    ...shortRunNote(settings),
  ];
  const rows = scenarios.flatMap((scenario) =>
    "failure" in scenario
      ? [[scenario.name, "failed, see below"]]
      : scenario.figures.map((figure, index) => [index ? "" : scenario.name, ...rowOf(figure)])
  );
  return [
    ...head,
    "",
    ...table([["", "", "median", "min", "max", "goal", "met"], ...rows]),
    "",
    ...scenarios.map((scenario) =>
      "failure" in scenario
        ? `${scenario.name} failed: ${scenario.failure}`
        : `${scenario.name}: ${scenario.setup}.`
    ),
    ...report.leftOut.map((sentence) => `Left out: ${sentence}.`),
  ].join("\n");
}

/** A machine in one line. */
export function machineText({ cpu, cores, memoryBytes, system }: Machine): string {
  return `${cpu}, ${cores} cores, ${(memoryBytes / 2 ** 30).toFixed(1)} GiB memory, ${system}`;
}

/** How a server was started, in half a line. */
export function serverText({ sandbox, metrics, log }: typeof serverSetup): string {
  return `sandbox ${sandbox}, metrics ${metrics}, log ${log}`;
}

/** A warning under `BENCH_SHORT`, else nothing. */
export function shortRunNote({ isShort }: Settings): string[] {
  return isShort ? ["A short run: its figures cannot be compared with others."] : [];
}

function rowOf({ label, digits, values, median, min, max, goal, met }: Figure): string[] {
  const numbers = (values > 1 ? [median, min, max] : [median]).map((value) =>
    value.toFixed(digits)
  );
  const judged = goal ? [goalText(goal), met ? "yes" : "NO"] : ["", ""];
  return [label, ...numbers, ...Array(3 - numbers.length).fill(""), ...judged];
}

/** A share for people: 0.031 is “3.1 %”. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** Lines of a table: the first two columns are text, the others are numbers, aligned to the right. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row.map((cell, i) => i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))
      .join("  ").trimEnd()
  );
}
