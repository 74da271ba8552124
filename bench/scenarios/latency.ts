/**
 * One client that waits for each answer: what the server adds to the command.
 *
 * @module
 */

import { figure } from "../figure.ts";
import { meterOf } from "../proc.ts";
import { measureRound, type Round, runJobs, smallJob } from "../round.ts";
import type { Scenario } from "../scenario.ts";
import { startServer } from "../server.ts";
import { perRound, warmUpJobs } from "../settings.ts";

/** `latency`. */
export const latency: Scenario = {
  name: "latency",
  async run({ settings, program, folder, floor, signal, say }) {
    const { workers } = settings;
    const options = { command: program, workers, queueLimit: 1, folder };
    await using server = await startServer(options, signal);
    const meter = await meterOf(server.pid, signal);
    const clients = 1;
    await runJobs(server, { ...smallJob, jobs: warmUpJobs, clients }, signal);
    const rounds: Round[] = [];
    for (const jobs of perRound(settings.latencyJobs, settings.rounds)) {
      say(`round ${rounds.length + 1} of ${settings.rounds}: ${jobs} jobs`);
      // One thread: a bare spawn with nothing else going on, as it is for the one client.
      const plan = { ...smallJob, jobs, clients, threads: 1 };
      rounds.push(await measureRound({ target: server, meter, floor }, plan, signal));
    }
    await server.stop();
    const of = (key: keyof Round) => rounds.map((round) => round[key]);
    const added = (total: keyof Round, bare: keyof Round) =>
      rounds.map((round) => minus(round[total], round[bare]));
    return {
      setup: `${program}, 1 client, ${settings.latencyJobs} jobs in ${settings.rounds} rounds; ` +
        "added: the answer's time minus that of a bare spawn",
      figures: [
        ...figure({ name: "spawnP50Ms", label: "bare spawn p50, ms", digits: 2 }, of("spawnP50Ms")),
        ...figure({ name: "spawnP99Ms", label: "bare spawn p99, ms", digits: 2 }, of("spawnP99Ms")),
        ...figure({ name: "latencyP50Ms", label: "answer p50, ms", digits: 2 }, of("latencyP50Ms")),
        ...figure({ name: "latencyP99Ms", label: "answer p99, ms", digits: 2 }, of("latencyP99Ms")),
        ...figure(
          { name: "addedP50Ms", label: "added p50, ms", digits: 2, goal: { atMost: 0.6 } },
          added("latencyP50Ms", "spawnP50Ms"),
        ),
        ...figure(
          { name: "addedP99Ms", label: "added p99, ms", digits: 2, goal: { atMost: 2 } },
          added("latencyP99Ms", "spawnP99Ms"),
        ),
        ...figure(
          { name: "clientCpuMsPerJob", label: "client's CPU per job, ms", digits: 3 },
          of("clientCpuMsPerJob"),
        ),
      ],
      details: rounds,
    };
  },
};

function minus(total: number | undefined, part: number | undefined): number | undefined {
  return total === undefined || part === undefined ? undefined : total - part;
}
