/**
 * Machines that share a queue over NATS: what a job costs that runs on another one, and how the work spreads.
 *
 * @module
 */

import { answerRequests } from "../answerer.ts";
import {
  byteFigures,
  type BytesRound,
  latencyFigures,
  type LatencyRound,
  spreadFigures,
  type SpreadRound,
} from "../cluster_figures.ts";
import { runLoad, type Target } from "../load_process.ts";
import type { RoundTripsPlan, RoundTripsResult } from "../loads/round_trips.ts";
import type { TransferPlan, TransferResult } from "../loads/transfer.ts";
import { startMachines } from "../machines.ts";
import { type Nats, startNats } from "../nats.ts";
import { meterOf } from "../proc.ts";
import { runJobs, smallJob } from "../round.ts";
import type { Bench, Scenario } from "../scenario.ts";
import { echo, writeScript } from "../script.ts";
import { type Server, startServer } from "../server.ts";
import { warmUpJobs } from "../settings.ts";
import { perTurn, takeTurns } from "../turns.ts";

const turns = 3;
const mostServers = 3;
const mostMachines = 3;
const sleepSec = 0.02;
const transferBytes = 64 * 2 ** 20;

/** About the length of the message of a small job. */
const roundTripBytes = 512;

/** `cluster`. */
export const cluster: Scenario = {
  name: "cluster",
  async run(bench) {
    const { settings, folder, signal, say } = bench;
    const { rounds, latencyJobs, groupSeconds, workers } = settings;
    const started = await startNats({ folder, count: 1 }, signal);
    if ("missing" in started) {
      return { setup: "not measured", figures: [], leftOut: [`many machines: ${started.missing}`] };
    }
    await using nats = started;
    say(`${rounds} rounds of ${latencyJobs / rounds} jobs of one client`);
    const one = await measureLatency(bench, nats, 1);
    say(`${rounds} rounds with 1 to ${mostMachines} machines, ${groupSeconds} s each`);
    const spread = await measureSpread(bench, nats);
    say(`${rounds} rounds of 64 MiB there and back`);
    const bytes = await measureBytes(bench, nats);
    say(`${rounds} rounds of ${latencyJobs / rounds} jobs of one client, ${mostServers} servers`);
    const several = await measureReplicated(bench);
    return {
      setup: `${workers} workers on each machine; latency: ${bench.program}, 1 client, ` +
        `${latencyJobs} jobs of each in ${rounds} rounds of ${turns} turns, remote: the machine ` +
        `of the client has no workers, own: there is no other machine; added: minus a server ` +
        `without NATS; spread: commands that sleep ${sleepSec} s, all clients at the first ` +
        `machine, 2 for each worker, ideal: that of a server without NATS × machines; bytes: ` +
        "64 MiB to another machine and back, POST /run",
      figures: [
        ...latencyFigures("one", "", one),
        ...spreadFigures(spread),
        ...byteFigures(bytes),
        ...latencyFigures("three", `${mostServers} NATS servers, `, several),
      ],
      details: { one, spread, bytes, several },
    };
  },
};

function firstOf([first]: readonly Server[]): Server {
  return first as Server;
}

async function measureLatency(
  { settings, program: command, folder, signal }: Bench,
  nats: Nats,
  replicas: number,
): Promise<LatencyRound[]> {
  const { rounds, workers } = settings;
  await using started = new AsyncDisposableStack();
  const common = { command, queueLimit: workers, folder };
  const group = (name: string) => ({ natsUrl: nats.url, name, replicas });
  const startFirst = async (name: string, workersOfEach: readonly number[]) => {
    const options = { ...common, workers: workersOfEach, group: group(name) };
    return firstOf(await startMachines(options, started, signal));
  };
  const remote = await startFirst("remote", [0, workers]);
  const own = await startFirst("own", [workers]);
  const alone = started.use(await startServer({ ...common, workers }, signal));
  const subject = "bench.answer";
  started.use(await answerRequests(nats.address, subject));

  const jobsAt = (server: Server) => async (jobs: number) => {
    const result = await runJobs(server, { ...smallJob, jobs, clients: 1 }, signal);
    return { p50Ms: result.latencyP50Ms, p99Ms: result.latencyP99Ms };
  };
  const roundTrips = (requests: number) => {
    const target: Target = { address: nats.address, logTail: () => undefined };
    const plan = { subject, requests, bytes: roundTripBytes };
    const options = { expectedSec: requests / 100, signal };
    return runLoad<RoundTripsPlan, RoundTripsResult>("round_trips", target, plan, options);
  };
  const sides = {
    roundTrip: roundTrips,
    alone: jobsAt(alone),
    own: jobsAt(own),
    remote: jobsAt(remote),
  };
  for (const measure of Object.values(sides)) await measure(warmUpJobs);
  const results: LatencyRound[] = [];
  for (const jobsOfTurns of perTurn(settings.latencyJobs, { rounds, turns })) {
    results.push(await takeTurns(sides, jobsOfTurns, (measure, jobs) => measure(jobs)));
  }
  return results;
}

async function measureReplicated(bench: Bench): Promise<LatencyRound[]> {
  const started = await startNats({ folder: bench.folder, count: mostServers }, bench.signal);
  if ("missing" in started) return [];
  await using nats = started;
  return await measureLatency(bench, nats, mostServers);
}

async function measureSpread(
  { settings, folder, signal }: Bench,
  nats: Nats,
): Promise<SpreadRound[]> {
  const { rounds, workers, groupSeconds } = settings;
  await using started = new AsyncDisposableStack();
  const queueLimit = workers * mostMachines;
  const common = { command: `sleep ${sleepSec}`, queueLimit, folder };
  const sides: Record<string, { readonly target: Server; readonly clients: number }> = {};
  sides["alone"] = {
    target: started.use(await startServer({ ...common, workers }, signal)),
    clients: 2 * workers,
  };
  for (let machines = 1; machines <= mostMachines; machines++) {
    const group = { natsUrl: nats.url, name: `spread${machines}`, replicas: 1 };
    const options = { ...common, workers: Array(machines).fill(workers), group };
    const target = firstOf(await startMachines(options, started, signal));
    sides[machines] = { target, clients: 2 * workers * machines };
  }
  const measure = async ({ target, clients }: typeof sides[string], seconds: number) => {
    const most = clients * seconds / sleepSec;
    const plan = { ...smallJob, jobs: Math.ceil(most), clients, seconds };
    const result = await runJobs(target, plan, signal, { expectedSec: seconds });
    return result.jobs / result.seconds;
  };
  for (const side of Object.values(sides)) await measure(side, groupSeconds);
  const results: SpreadRound[] = [];
  while (results.length < rounds) {
    const { alone = [], ...groups } = await takeTurns(sides, [groupSeconds], measure);
    results.push({ alone: alone[0] ?? NaN, machines: Object.values(groups).flat() });
  }
  return results;
}

async function measureBytes(
  { settings, folder, signal }: Bench,
  nats: Nats,
): Promise<BytesRound[]> {
  await using started = new AsyncDisposableStack();
  const common = { command: writeScript(folder, echo), queueLimit: 1, folder };
  const group = { natsUrl: nats.url, name: "bytes", replicas: 1 };
  const machines = await startMachines({ ...common, workers: [0, 1], group }, started, signal);
  const alone = started.use(await startServer({ ...common, workers: 1 }, signal));
  const plan = {
    method: "POST",
    path: "/run",
    send: transferBytes,
    receive: transferBytes,
  } as const;
  const transfer = async (server: Server) => {
    const options = { expectedSec: 10, signal };
    const load = runLoad<TransferPlan, TransferResult>("transfer", server, plan, options);
    return (await load).seconds;
  };
  const [front, executor] = await Promise.all(machines.map(({ pid }) => meterOf(pid, signal)));
  const results: BytesRound[] = [];
  while (results.length < settings.rounds) {
    results.push({
      aloneSec: await transfer(alone),
      remoteSec: await transfer(firstOf(machines)),
      frontPeakBytes: front?.peakBytes(),
      executorPeakBytes: executor?.peakBytes(),
    });
  }
  return results;
}
