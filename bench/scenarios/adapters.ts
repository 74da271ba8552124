/**
 * Interpreters through their adapters of `contrib/warm`, beside the cold start of the same program: with
 * pauses in which a process can get ready, and without.
 *
 * @module
 */

import { type Figure, figure } from "../figure.ts";
import { findInterpreters, type Interpreted, type Way } from "../interpreters.ts";
import { runJobs, smallJob } from "../round.ts";
import type { Bench, Scenario } from "../scenario.ts";
import { type Server, startServer } from "../server.ts";
import { perRound } from "../settings.ts";
import { requireWarm } from "../warm_share.ts";

/**
 * Milliseconds from an answer to the next job. The longest idle worker gets it, so a process has this long
 * for each worker to get ready.
 */
const pauseMs = 300;

/** How long a job with its pause may take on average; later ones are left out. */
const mostSecPerJob = 2;

/** More jobs than the clients can begin in the seconds that they have. */
const manyJobs = 1_000_000;

/** `adapters`. */
export const adapters: Scenario = {
  name: "adapters",
  async run(bench) {
    const { settings, folder, signal } = bench;
    const { clients, workers, rounds, adapterJobs, adapterSeconds } = settings;
    const { programs, missing } = await findInterpreters(folder, signal);
    const figures: Figure[] = [];
    const details: Record<string, unknown> = {};
    for (const program of programs) {
      const measured = await measureProgram(bench, program);
      details[program.name] = measured;
      for (const { way, values } of measured) {
        const name = `${program.name}${way[0]?.toUpperCase()}${way.slice(1)}`;
        const label = `${program.label}, ${way}`;
        figures.push(
          ...figure(
            { name: `${name}P50Ms`, label: `${label}: p50 with pauses, ms`, digits: 1 },
            values.map(({ p50Ms }) => p50Ms),
          ),
          ...figure(
            { name: `${name}JobsPerSec`, label: `${label}: jobs per second`, digits: 0 },
            values.map(({ jobsPerSec }) => jobsPerSec),
          ),
        );
      }
    }
    return {
      setup: `an echo, ${workers} workers, ${rounds} rounds; with pauses: 1 client, at most ` +
        `${adapterJobs} jobs with ${pauseMs} ms between them; jobs per second: ${clients} clients, ` +
        `${adapterSeconds} s in each round`,
      figures,
      leftOut: missing,
      details,
    };
  },
};

/** What was measured in one round. */
interface Sample {
  /** Half of the answers to a client that pauses took no longer. */
  readonly p50Ms: number;
  /** Of all clients, without pauses. */
  readonly jobsPerSec: number;
}

/** One way to start a program. */
interface Measured {
  readonly way: Way;
  /** One for each round. */
  readonly values: readonly Sample[];
}

/** Measures all ways to start a program in turn; their servers are up at the same time. */
async function measureProgram(bench: Bench, program: Interpreted): Promise<Measured[]> {
  const { settings, folder, signal, say } = bench;
  const { clients, workers, rounds } = settings;
  await using stack = new AsyncDisposableStack();
  const ways: { way: Way; server: Server; values: Sample[] }[] = [];
  for (const [way, command] of Object.entries(program.commands) as [Way, string][]) {
    const options = { command, workers, queueLimit: clients, folder, warm: way !== "cold" };
    const server = stack.use(await startServer(options, signal));
    // The first process of each worker may still be getting ready.
    await withPauses(server, workers, signal);
    // Now, since without pauses the next job comes before the process that is started ahead for it.
    if (way !== "cold") await requireWarm(server.address);
    ways.push({ way, server, values: [] });
  }
  for (const [round, jobs] of perRound(settings.adapterJobs, rounds).entries()) {
    say(`round ${round + 1} of ${rounds}: ${program.label}`);
    for (const { server, values } of ways) {
      const p50Ms = await withPauses(server, Math.max(1, jobs), signal);
      values.push({ p50Ms, jobsPerSec: await withoutPauses(server, settings, signal) });
    }
  }
  for (const { server } of ways) await server.stop();
  return ways.map(({ way, values }) => ({ way, values }));
}

/** Milliseconds that half of the answers took at most. */
async function withPauses(server: Server, jobs: number, signal: AbortSignal): Promise<number> {
  const seconds = jobs * mostSecPerJob;
  const plan = { ...smallJob, jobs, clients: 1, pauseMs, seconds };
  return (await runJobs(server, plan, signal, { expectedSec: seconds })).latencyP50Ms;
}

/** Jobs per second. */
async function withoutPauses(
  server: Server,
  { clients, adapterSeconds: seconds }: Bench["settings"],
  signal: AbortSignal,
): Promise<number> {
  const plan = { ...smallJob, jobs: manyJobs, clients, seconds };
  const result = await runJobs(server, plan, signal, { expectedSec: seconds });
  return result.jobs / result.seconds;
}
