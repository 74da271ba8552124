/**
 * Many small jobs at the same time: how close the server comes to the machine's floor, and to a bare
 * server on the same runtime.
 *
 * @module
 */

import { join } from "node:path";
import { startBareServer } from "../bare.ts";
import { measureRound, type Round, smallJob, throughputFigures, warmUp } from "../round.ts";
import type { Bench, Scenario } from "../scenario.ts";
import { startServer } from "../server.ts";
import { shareFigures, type ShareRound } from "../share_figures.ts";
import { perTurn, takeTurns } from "../turns.ts";

/** How often each server has its turn with all clients in a round. Even, so that each is first as often. */
const busyTurns = 4;

/** The same with one client. */
const calmTurns = 2;

/** `small`. */
export const smallJobs: Scenario = {
  name: "small",
  async run(bench) {
    const { settings, program } = bench;
    const { workers, clients, jobs, latencyJobs, rounds: count } = settings;
    const { rounds, missing } = await measureServers(bench);
    return {
      setup:
        `${program}, ${workers} workers; three servers in alternating turns, each with ${jobs} ` +
        `jobs of ${clients} clients and ${latencyJobs} jobs of 1 client in ${count} rounds; the ` +
        "first rows: ours as it is by default, with own sessions; bare: bench/bare_server.ts, a job's " +
        "steps alone, on Deno without V8 flags; all have their files in one temp folder (TMPDIR)",
      figures: [
        ...throughputFigures(rounds.flatMap(({ on }) => on.busy), {
          ratioToFloor: { atLeast: 0.6 },
          cpuMsPerJob: { atMost: 0.4 },
        }),
        ...shareFigures(rounds),
      ],
      leftOut: missing,
      details: rounds,
    };
  },
};

/** The turns of all servers in one round. */
type Servers = Record<keyof ShareRound, { readonly busy: Round[]; readonly calm: Round[] }>;

async function measureServers(
  { settings, program, folder, floor, signal, say }: Bench,
): Promise<{ readonly rounds: Servers[]; readonly missing: readonly string[] }> {
  const { workers, clients, rounds: count } = settings;
  const bareFolder = join(folder, "bare");
  Deno.mkdirSync(bareFolder);
  await using bare = await startBareServer({ program, workers, folder: bareFolder }, signal);
  // No more can ever wait, so a refusal would be an error of the server.
  const options = { command: program, workers, queueLimit: clients, folder };
  await using off = await startServer({ ...options, ownSession: false }, signal);
  await using on = await startServer(options, signal);
  const busyServers = {
    bare: await warmUp(bare, { clients }, signal),
    off: await warmUp(off, { clients }, signal),
    on: await warmUp(on, { clients, floor }, signal),
  };
  const calmServers = { ...busyServers, on: { ...busyServers.on, floor: undefined } };
  const jobsOfRounds = perTurn(settings.jobs, { rounds: count, turns: busyTurns });
  const calmJobsOfRounds = perTurn(settings.latencyJobs, { rounds: count, turns: calmTurns });
  const rounds: Servers[] = [];
  for (const [index, jobsOfTurns] of jobsOfRounds.entries()) {
    say(`round ${index + 1} of ${count}: ${clients} clients, then 1 client`);
    const busy = await takeTurns(busyServers, jobsOfTurns, (server, jobs) => {
      return measureRound(server, { ...smallJob, jobs, clients, threads: workers }, signal);
    });
    const calm = await takeTurns(calmServers, calmJobsOfRounds[index] ?? [], (server, jobs) => {
      return measureRound(server, { ...smallJob, jobs, clients: 1, threads: 1 }, signal);
    });
    rounds.push({
      bare: { busy: busy.bare, calm: calm.bare },
      off: { busy: busy.off, calm: calm.off },
      on: { busy: busy.on, calm: calm.on },
    });
  }
  for (const server of [bare, off, on]) await server.stop();
  return { rounds, missing: busyServers.on.meter.missing };
}
