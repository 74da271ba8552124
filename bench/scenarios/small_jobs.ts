/**
 * Many small jobs at the same time: how close the server comes to the machine's floor.
 *
 * @module
 */

import { meterOf } from "../proc.ts";
import { measureRound, type Round, runJobs, smallJob, throughputFigures } from "../round.ts";
import type { Bench, Scenario } from "../scenario.ts";
import { startServer } from "../server.ts";
import { perRound, warmUpJobs } from "../settings.ts";

/** `small`. */
export const smallJobs: Scenario = {
  name: "small",
  async run(bench) {
    const { settings } = bench;
    const { rounds, missing } = await measureSmallJobs(bench);
    return {
      setup: `${bench.program}, ${settings.workers} workers, ${settings.clients} clients, ` +
        `${settings.jobs} jobs in ${settings.rounds} rounds`,
      figures: throughputFigures(rounds, {
        ratioToFloor: { atLeast: 0.6 },
        cpuMsPerJob: { atMost: 0.4 },
      }),
      leftOut: missing,
      details: rounds,
    };
  },
};

/** The rounds, without figures or a verdict. */
export async function measureSmallJobs(
  { settings, program, folder, floor, signal, say }: Bench,
): Promise<{ readonly rounds: Round[]; readonly missing: readonly string[] }> {
  const { workers, clients } = settings;
  // No more can ever wait, so a refusal would be an error of the server.
  const queueLimit = clients;
  await using server = await startServer({ command: program, workers, queueLimit, folder }, signal);
  const meter = await meterOf(server.pid, signal);
  await runJobs(server, { ...smallJob, jobs: warmUpJobs, clients }, signal);
  const rounds: Round[] = [];
  for (const jobs of perRound(settings.jobs, settings.rounds)) {
    say(`round ${rounds.length + 1} of ${settings.rounds}: ${jobs} jobs`);
    const plan = { ...smallJob, jobs, clients, threads: workers };
    rounds.push(await measureRound({ target: server, meter, floor }, plan, signal));
  }
  await server.stop();
  return { rounds, missing: meter.missing };
}
