/**
 * The benchmark: the real server under load, beside the machine's floor, in one run.
 *
 * It prints a table and writes `results.json` next to this file. Goals stand beside the figures;
 * one that is not met is not a failure.
 *
 * @module
 */

import { version } from "../src/version.ts";
import { BenchFailure } from "./failure.ts";
import { thisMachine } from "./machine.ts";
import { type Outcome, render, type Report, serverSetup } from "./report.ts";
import type { Bench, Scenario } from "./scenario.ts";
import { chooseScenarios } from "./scenarios.ts";
import { openSession } from "./session.ts";
import { readSettings, type Settings } from "./settings.ts";

/** Measures what the settings name. Whatever it started has ended when this resolves or throws. */
export async function bench(settings: Settings): Promise<Report> {
  const chosen = chooseScenarios(settings);
  using session = await openSession(settings);
  const scenarios: (Outcome & { readonly name: string })[] = [];
  for (const scenario of chosen) {
    const outcome = await outcomeOf(scenario, session.benchOf(scenario.name));
    session.signal.throwIfAborted();
    scenarios.push({ name: scenario.name, ...outcome });
  }
  const { floorMissing } = session;
  return {
    at: new Date().toISOString(),
    jobrunner: version,
    deno: Deno.version.deno,
    machine: thisMachine(),
    settings,
    server: serverSetup,
    scenarios,
    leftOut: [
      ...new Set([
        ...(floorMissing === undefined ? [] : [`the floor and what needs it: ${floorMissing}`]),
        ...scenarios.flatMap((scenario) => "leftOut" in scenario ? scenario.leftOut ?? [] : []),
      ]),
    ],
  };
}

/** A scenario that fails does not lose the figures of the others. */
async function outcomeOf(scenario: Scenario, bench: Bench): Promise<Outcome> {
  try {
    return await scenario.run(bench);
  } catch (error) {
    if (!(error instanceof BenchFailure)) throw error;
    return { failure: error.message };
  }
}

if (import.meta.main) {
  try {
    const report = await bench(readSettings(Deno.env.toObject()));
    console.log(render(report));
    const file = new URL("results.json", import.meta.url);
    await Deno.writeTextFile(file, JSON.stringify(report, undefined, 2) + "\n");
    if (report.scenarios.some((scenario) => "failure" in scenario)) Deno.exit(1);
  } catch (error) {
    if (!(error instanceof BenchFailure)) throw error;
    console.error(`bench: ${error.message}`);
    Deno.exit(1);
  }
}
