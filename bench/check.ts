/**
 * Whether small jobs still cost what they did: the ratios to the machine's floor beside those of
 * `baseline.json`. Exits with 1 when one of them has become clearly worse.
 *
 * `BENCH_UPDATE=1` writes the baseline instead, `BENCH_BASELINE` names another file.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { version } from "../src/version.ts";
import {
  type Baseline,
  differences,
  losses,
  medianOf,
  ratioRows,
  type Ratios,
  ratiosOf,
  readBaseline,
  tolerated,
} from "./baseline.ts";
import { BenchFailure } from "./failure.ts";
import { thisMachine } from "./machine.ts";
import { percent, table } from "./report.ts";
import { measureRound, smallJob, warmUp } from "./round.ts";
import { startServer } from "./server.ts";
import { openSession } from "./session.ts";
import { perRound, readSettings, type Settings } from "./settings.ts";

/** More than a bench has, because the verdict depends on the median. */
const fewestRounds = 5;

/**
 * Measures small jobs on one server, as it is by default. Throws a `BenchFailure` without a compiler,
 * since there is no floor then.
 */
async function measureRatios(settings: Settings): Promise<Ratios[]> {
  const { workers, clients, rounds } = settings;
  using session = await openSession(settings);
  if (session.floorMissing !== undefined) {
    throw new BenchFailure(`without the floor nothing can be compared: ${session.floorMissing}`);
  }
  const { program: command, folder, floor, signal, say } = session.benchOf("check");
  await using server = await startServer({ command, workers, queueLimit: clients, folder }, signal);
  const instruments = await warmUp(server, { clients, floor }, signal);
  const ratios: Ratios[] = [];
  for (const jobs of perRound(settings.jobs, rounds)) {
    say(`round ${ratios.length + 1} of ${rounds}: ${jobs} jobs`);
    const plan = { ...smallJob, jobs, clients, threads: workers };
    ratios.push(ratiosOf(await measureRound(instruments, plan, signal)));
  }
  await server.stop();
  return ratios;
}

/** Prints how the ratios have changed and returns one sentence for each loss. */
function compare(rounds: readonly Ratios[], now: Baseline, then: Baseline): string[] {
  const lost = losses(now.ratios, then.ratios);
  const rows = ratioRows.map(({ name, label, digits, better }) => [
    label,
    `${better} is better`,
    ...[
      then.ratios[name],
      now.ratios[name],
      Math.min(...rounds.map((round) => round[name])),
      Math.max(...rounds.map((round) => round[name])),
    ].map((value) => value.toFixed(digits)),
    percent(lost[name]),
  ]);
  console.log(`baseline: jobrunner ${then.jobrunner} on Deno ${then.deno}, ${then.at}`);
  console.log(table([["", "", "baseline", "median", "min", "max", "loss"], ...rows]).join("\n"));
  for (const sentence of differences(now, then)) console.log(`Note: ${sentence}.`);
  return ratioRows.flatMap(({ name, label }) =>
    lost[name] > tolerated
      ? [`${label} has become worse by ${percent(lost[name])}, more than ${percent(tolerated)}`]
      : []
  );
}

if (import.meta.main) {
  try {
    const env = Deno.env.toObject();
    const file = env["BENCH_BASELINE"] ||
      fileURLToPath(new URL("baseline.json", import.meta.url));
    const updates = !["", "0", undefined].includes(env["BENCH_UPDATE"]);
    const settings = readSettings(env);
    // Read first: a missing baseline must be reported before the minutes of measuring.
    const then = updates ? undefined : readBaseline(file);
    const rounds = await measureRatios({
      ...settings,
      rounds: Math.max(settings.rounds, fewestRounds),
    });
    const now = {
      at: new Date().toISOString(),
      jobrunner: version,
      deno: Deno.version.deno,
      machine: thisMachine(),
      ratios: medianOf(rounds),
    };
    if (then) {
      const worse = compare(rounds, now, then);
      if (worse.length > 0) throw new BenchFailure(worse.join("\nbench: "));
      console.log(`No ratio has become worse by more than ${percent(tolerated)}.`);
    } else {
      await Deno.writeTextFile(file, JSON.stringify(now, undefined, 2) + "\n");
      console.log(`${file} now holds:\n${JSON.stringify(now.ratios, undefined, 2)}`);
    }
  } catch (error) {
    if (!(error instanceof BenchFailure)) throw error;
    console.error(`bench: ${error.message}`);
    Deno.exit(1);
  }
}
