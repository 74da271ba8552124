/**
 * A command that stays for the next job beside one that is started for each: what the server's own part
 * of a job costs.
 *
 * @module
 */

import { join } from "node:path";
import { compile } from "../compile.ts";
import { figure, megabyte } from "../figure.ts";
import { runLoad } from "../load_process.ts";
import type { PagePlan, PageResult } from "../loads/page.ts";
import { meterOf } from "../proc.ts";
import { measureRound, runJobs, smallJob, warmUp } from "../round.ts";
import type { Bench, Scenario } from "../scenario.ts";
import { quoted } from "../script.ts";
import { type Server, startServer } from "../server.ts";
import { perRound } from "../settings.ts";
import { perTurn, takeTurns } from "../turns.ts";
import { warmFigures, type WarmRound } from "../warm_figures.ts";
import { requireWarm } from "../warm_share.ts";

/** How often either command has its turn in a round. Even, so that each is first as often. */
const turns = 4;

/** `warm`. */
export const warm: Scenario = {
  name: "warm",
  async run(bench) {
    const { settings, program, folder, signal } = bench;
    const { rounds, jobs, clients, workers, latencyJobs, warmJobs } = settings;
    const binary = join(folder, "echo_keep");
    const missing = await compile({ source: "echo_keep.c", binary }, signal);
    const setup = `echo_keep, which ends each job at once, beside the cold start of ${program}, ` +
      `without sessions of their own, ${workers} workers; with ${clients} clients ${jobs} jobs of ` +
      `each in ${rounds} rounds, with 1 client ${latencyJobs} jobs; added: the answer's time minus ` +
      "that of GET /livez";
    if (missing !== undefined) {
      return { setup, figures: [], leftOut: [`a warm command: ${missing}`] };
    }
    const [busy, calm] = await besideCold(bench, quoted(binary));
    const memory = await afterMany(bench, quoted(binary));
    return {
      setup,
      figures: [
        ...warmFigures(busy),
        ...figure(
          { name: "livezP50Ms", label: "GET /livez p50 at 1 client, ms", digits: 2 },
          calm.map(({ livezP50Ms }) => livezP50Ms),
        ),
        ...figure(
          { name: "calmP50Ms", label: "keep, p50 at 1 client, ms", digits: 2 },
          calm.map(({ jobP50Ms }) => jobP50Ms),
        ),
        ...figure(
          { name: "addedP50Ms", label: "keep, added p50, ms", digits: 2, goal: { atMost: 0.3 } },
          calm.map(({ livezP50Ms, jobP50Ms }) => jobP50Ms - livezP50Ms),
        ),
        ...figure(
          {
            name: "grownMb",
            label: `keep, memory grown by ${warmJobs} jobs, MB`,
            digits: 1,
            goal: { atMost: 5 },
          },
          [memory.grownBytes === undefined ? undefined : memory.grownBytes / megabyte],
        ),
        ...figure(
          { name: "afterMb", label: "keep, memory after them, MB", digits: 1 },
          [memory.afterBytes === undefined ? undefined : memory.afterBytes / megabyte],
        ),
      ],
      leftOut: memory.missing,
      details: { busy, calm, memory },
    };
  },
};

/** One client, in one round. */
interface Calm {
  /** Half of the answers of `/livez` took no longer; the mean of right before and right after the jobs. */
  readonly livezP50Ms: number;
  /** Half of the jobs took no longer. */
  readonly jobP50Ms: number;
}

/** Both commands under many clients, in turn; then one client of the one that stays. */
async function besideCold(bench: Bench, command: string): Promise<[WarmRound[], Calm[]]> {
  const { settings, program, signal, say } = bench;
  const { clients, rounds, workers: threads } = settings;
  await using cold = await start(bench, { command: quoted(program), warm: false });
  await using keep = await start(bench, { command, warm: true });
  const servers = {
    cold: await warmUp(cold, { clients }, signal),
    keep: await warmUp(keep, { clients }, signal),
  };
  const busy: WarmRound[] = [];
  for (const jobsOfTurns of perTurn(settings.jobs, { rounds, turns })) {
    say(`round ${busy.length + 1} of ${rounds}: ${clients} clients`);
    busy.push(
      await takeTurns(servers, jobsOfTurns, (server, jobs) => {
        return measureRound(server, { ...smallJob, jobs, clients, threads }, signal);
      }),
    );
  }
  const calm: Calm[] = [];
  for (const jobs of perRound(settings.latencyJobs, rounds)) {
    say(`round ${calm.length + 1} of ${rounds}: 1 client, ${jobs} jobs`);
    calm.push(await oneClient(bench, keep, jobs));
  }
  await requireWarm(keep.address);
  await cold.stop();
  await keep.stop();
  return [busy, calm];
}

function start(
  { settings, folder, signal }: Bench,
  command: { readonly command: string; readonly warm: boolean },
): Promise<Server> {
  const { workers, clients: queueLimit } = settings;
  return startServer({ ...command, workers, queueLimit, ownSession: false, folder }, signal);
}

async function oneClient({ signal }: Bench, server: Server, jobs: number): Promise<Calm> {
  const livez = async () => {
    const plan = { path: "/livez", fetches: Math.ceil(jobs / 2) };
    const options = { expectedSec: jobs / 100, signal };
    return (await runLoad<PagePlan, PageResult>("page", server, plan, options)).p50Ms;
  };
  const before = await livez();
  const { latencyP50Ms } = await runJobs(server, { ...smallJob, jobs, clients: 1 }, signal);
  const after = await livez();
  return { livezP50Ms: (before + after) / 2, jobP50Ms: latencyP50Ms };
}

/** Memory of a server before and after many jobs, of which a tenth come before the first reading. */
async function afterMany(bench: Bench, command: string) {
  const { settings, signal, say } = bench;
  const { warmJobs, clients } = settings;
  await using server = await start(bench, { command, warm: true });
  const meter = await meterOf(server.pid, signal);
  const run = async (jobs: number) => {
    say(`${jobs} jobs for the memory`);
    await runJobs(server, { ...smallJob, jobs, clients }, signal);
    return meter.residentBytes();
  };
  const beforeBytes = await run(Math.ceil(warmJobs / 10));
  const afterBytes = await run(warmJobs);
  await server.stop();
  const grownBytes = beforeBytes === undefined || afterBytes === undefined
    ? undefined
    : afterBytes - beforeBytes;
  return { beforeBytes, afterBytes, grownBytes, missing: meter.missing };
}
