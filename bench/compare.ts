/**
 * This checkout beside another one, its base: both servers up, in alternating rounds of one run.
 *
 * usage: compare.ts FOLDER
 *
 * With `BENCH_NAMED=1` this checkout serves three named commands, and one of them gets all jobs.
 *
 * Exits with 0 when every figure is within the tolerance or better, with 1 when one is dearer, with 2
 * when none is dearer but one is undecided, and with 3 when nothing was measured.
 *
 * @module
 */

import { resolve } from "node:path";
import { version } from "../src/version.ts";
import { startTask, thisCheckout } from "./checkout.ts";
import { outputOf } from "./command.ts";
import { compareFigures, compareLayers } from "./comparison.ts";
import { renderComparison } from "./comparison_report.ts";
import { BenchFailure } from "./failure.ts";
import { layersOf } from "./layers.ts";
import { thisMachine } from "./machine.ts";
import {
  type Both,
  busyTurns,
  calmTurns,
  measurePair,
  type PairPlan,
  type Sample,
} from "./pair.ts";
import { machineText, serverSetup, serverText, shortRunNote } from "./report.ts";
import { openSession } from "./session.ts";
import { commandNames } from "./server.ts";
import { type NumberSetting, readSettings, type Settings } from "./settings.ts";

/** More than a bench has, because the verdict depends on how narrow the intervals are. */
const ownRows = {
  rounds: { variable: "BENCH_ROUNDS", normal: 20, short: 6, min: 20, max: 1000 },
  jobs: { variable: "BENCH_JOBS", normal: 20_000, short: 1200, min: 1000, max: 1e7 },
  latencyJobs: { variable: "BENCH_LATENCY_JOBS", normal: 6000, short: 360, min: 1000, max: 1e7 },
} as const satisfies Readonly<Record<string, NumberSetting>>;

/** Measures both. Whatever it started has ended when this resolves or throws. */
async function measureRounds(base: string, settings: Settings): Promise<Both<Sample>[]> {
  const { prepare } = startTask(base);
  using session = await openSession(settings);
  const { program, signal } = session;
  for (const args of prepare) await outputOf(Deno.execPath(), args, signal, { cwd: base });
  const layers = layersOf(thisCheckout);
  const ofBase = layersOf(base);
  const sides = {
    base: {
      checkout: base,
      folder: session.benchOf("base").folder,
      layers: layers.filter((name) => ofBase.includes(name)),
    },
    current: {
      checkout: thisCheckout,
      folder: session.benchOf("this").folder,
      layers,
      named: settings.named,
    },
  };
  const plan: PairPlan = { ...settings, program, ...loadOf(settings) };
  const { say } = session.benchOf("compare");
  const rounds: Both<Sample>[] = [];
  while (rounds.length < settings.rounds) {
    // In turn, so that what drifts with time cancels out.
    const first = rounds.length % 2 === 0 ? "base" : "current";
    rounds.push(await measurePair(sides, { ...plan, first }, signal));
    say(`round ${rounds.length} of ${settings.rounds} is done`);
  }
  return rounds;
}

/** What either side does in each of its turns. */
function loadOf({ rounds, jobs, latencyJobs }: Settings) {
  return {
    jobs: Math.ceil(jobs / rounds / busyTurns),
    latencyJobs: Math.ceil(latencyJobs / rounds / calmTurns),
  };
}

/** Compares, prints the result and resolves with the exit status. */
async function compare(base: string, settings: Settings): Promise<number> {
  const at = new Date().toISOString();
  const rounds = await measureRounds(base, settings);
  const figures = compareFigures(rounds);
  const { jobs, latencyJobs } = loadOf(settings);
  console.log([
    `jobrunner ${version} on Deno ${Deno.version.deno}, ${at}`,
    machineText(thisMachine()),
    `${serverText(serverSetup)}; clients and servers share the cores`,
    `base: ${base}`,
    `this: ${thisCheckout}${settings.named ? `, with ${commandNames.length} named commands` : ""}`,
    `${settings.rounds} rounds; in each either has ${busyTurns} turns of ${jobs} jobs from ` +
    `${settings.clients} clients, ${calmTurns} of ${latencyJobs} from one, and ` +
    `${settings.layerCalls} calls of each layer`,
    ...shortRunNote(settings),
    "",
    renderComparison(figures, compareLayers(rounds)),
    ...(rounds[0]?.current.missing ?? []).map((sentence) => `Left out: ${sentence}.`),
  ].join("\n"));
  if (figures.some(({ verdict }) => verdict === "dearer")) return 1;
  return figures.some(({ verdict }) => verdict === "undecided") ? 2 : 0;
}

if (import.meta.main) {
  try {
    const [folder = "", ...more] = Deno.args;
    if (folder === "" || more.length > 0) {
      throw new BenchFailure("must be given one folder to compare with: make bench-compare BASE=…");
    }
    Deno.exit(await compare(resolve(folder), readSettings(Deno.env.toObject(), ownRows)));
  } catch (error) {
    // Not 1, the runtime's own status for an uncaught error: here it means that a figure is dearer.
    console.error(error instanceof BenchFailure ? `bench: ${error.message}` : error);
    Deno.exit(3);
  }
}
