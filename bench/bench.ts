/**
 * The benchmark: the real server under load, beside the machine's floor, in one run.
 *
 * It prints a table and writes `results.json` next to this file. It measures; it does not judge.
 *
 * @module
 */

import { version } from "../src/version.ts";
import { BenchFailure } from "./failure.ts";
import { compileFloor } from "./floor.ts";
import { temporaryFolder } from "./folder.ts";
import { listenForInterruption } from "./interruption.ts";
import { thisMachine } from "./machine.ts";
import { meterOf } from "./proc.ts";
import { render, type Report, summarize } from "./report.ts";
import { measureRound, type Round, runLoad } from "./round.ts";
import { measureStarts } from "./start.ts";
import { startServer } from "./server.ts";
import { jobsPerRound, readSettings, type Settings } from "./settings.ts";

/** Measures everything. Whatever it started has ended when this resolves or throws. */
export async function bench(settings: Settings): Promise<Report> {
  if (Deno.build.os === "windows") {
    throw new BenchFailure("the benchmark needs a POSIX system: a shell and the command true");
  }
  const { workers, clients } = settings;
  const program = await theCommandTrue();
  // No more can ever wait, so a refusal would be a fault of the server's.
  const queueLimit = clients;

  using interruption = listenForInterruption();
  const { signal } = interruption;
  using folder = temporaryFolder();
  const floor = await compileFloor({ folder: folder.path, program, threads: workers }, signal);
  await using server = await startServer(
    { program, workers, queueLimit, folder: folder.path },
    signal,
  );
  const meter = await meterOf(server.pid, signal);
  const instruments = { server, meter, floor: "measure" in floor ? floor.measure : undefined };

  const idleBytes = meter.residentBytes();
  say(`warm-up: ${settings.warmUpJobs} jobs`);
  await runLoad(server, { jobs: settings.warmUpJobs, clients }, signal);
  const afterWarmUpBytes = meter.residentBytes();
  const rounds: Round[] = [];
  for (const jobs of jobsPerRound(settings)) {
    say(`round ${rounds.length + 1} of ${settings.rounds}: ${jobs} jobs`);
    rounds.push(await measureRound(instruments, { jobs, clients }, signal));
  }
  await server.stop();
  say("starts");
  const starts = await measureStarts({ program, folder: folder.path }, signal);

  return {
    at: new Date().toISOString(),
    jobrunner: version,
    deno: Deno.version.deno,
    machine: thisMachine(),
    configuration: {
      ...settings,
      command: program,
      queueLimit,
      sandbox: "on",
      logFormat: "json",
    },
    figures: summarize(rounds),
    memory: { idleBytes, afterWarmUpBytes, afterAllBytes: rounds.at(-1)?.residentBytes },
    starts,
    rounds,
    leftOut: [
      ...(starts.binary ? [] : ["the start of the binary: bin/jobrunner was not built"]),
      ...("missing" in floor ? [`the floor and the ratio to it: ${floor.missing}`] : []),
      ...meter.missing,
    ],
  };
}

/** The cheapest command there is. macOS has it in `/usr/bin` only. */
async function theCommandTrue(): Promise<string> {
  for (const path of ["/bin/true", "/usr/bin/true"]) {
    if (await Deno.stat(path).then(({ isFile }) => isFile, () => false)) return path;
  }
  throw new BenchFailure("there is no /bin/true and no /usr/bin/true to run as a job");
}

/** Progress goes to standard error, so that standard output is the table alone. */
function say(sentence: string): void {
  console.error(sentence);
}

if (import.meta.main) {
  try {
    const report = await bench(readSettings(Deno.env.toObject()));
    console.log(render(report));
    const file = new URL("results.json", import.meta.url);
    await Deno.writeTextFile(file, JSON.stringify(report, undefined, 2) + "\n");
  } catch (error) {
    if (!(error instanceof BenchFailure)) throw error;
    console.error(`bench: ${error.message}`);
    Deno.exit(1);
  }
}
