/**
 * One round: small jobs between two measurements of the floor, with the server's own counters read
 * around them.
 *
 * @module
 */

import { BenchFailure } from "./failure.ts";
import { type Figure, figure, type Goal } from "./figure.ts";
import type { Floor, FloorSample } from "./floor.ts";
import { runLoad, type Target } from "./load_process.ts";
import type { JobsPlan, JobsResult } from "./loads/jobs.ts";
import { meterOf, type ProcessMeter } from "./proc.ts";
import type { Server } from "./server_process.ts";
import { warmUpJobs } from "./settings.ts";

/** The figures of one round; undefined is what this machine cannot measure. */
export interface Round {
  /** Jobs of this round. */
  readonly jobs: number;
  /** How long the clients took for them. */
  readonly seconds: number;
  /** Spawns per second of the floor: the mean of right before and right after the jobs. */
  readonly floorPerSec: number | undefined;
  /** Half of the floor's spawns took no longer; the mean of both. */
  readonly spawnP50Ms: number | undefined;
  /** 99 of 100 of the floor's spawns took no longer; the mean of both. */
  readonly spawnP99Ms: number | undefined;
  /** Jobs answered per second. */
  readonly jobsPerSec: number;
  /** `jobsPerSec` as a share of `floorPerSec`. */
  readonly ratioToFloor: number | undefined;
  /** The server's own CPU, without its children's. */
  readonly cpuMsPerJob: number | undefined;
  /** Half of the answers took no longer. */
  readonly latencyP50Ms: number;
  /** 99 of 100 answers took no longer. */
  readonly latencyP99Ms: number;
  /** CPU that the clients used, all together. */
  readonly clientCpuMsPerJob: number;
  /** The server's resident memory at the end of the round. */
  readonly residentBytes: number | undefined;
}

/** What a round is measured with. */
export interface Instruments {
  /** Runs the jobs. */
  readonly target: Target;
  /** Reads the server's process; undefined when it is not ours. */
  readonly meter: ProcessMeter | undefined;
  /** Undefined when there is none on this machine. */
  readonly floor: Floor | undefined;
}

/** What jobs a round is made of. */
export interface RoundPlan extends Omit<JobsPlan, "address"> {
  /** Threads of the floor that the server is compared with. */
  readonly threads: number;
}

/** A job with the payload `hello`, as jobrunner takes it. */
export const smallJob = {
  path: "/payload",
  body: '{"id":"bench-{{id}}","data":"aGVsbG8="}',
  right: "exit_status_0",
} as const;

/** Spawns of one measurement: most of a second, so that one short interruption does not show. */
const floorSpawns = 1500;

/** Runs the jobs that are not measured, and resolves with the instruments for those that are. */
export async function warmUp(
  target: Server,
  { floor, ...load }: Pick<JobsPlan, "clients" | "tokens"> & { readonly floor?: Floor | undefined },
  signal: AbortSignal,
): Promise<Instruments & { readonly meter: ProcessMeter }> {
  const meter = await meterOf(target.pid, signal);
  await runJobs(target, { ...smallJob, ...load, jobs: warmUpJobs }, signal);
  return { target, meter, floor };
}

/** Measures one round. Throws a `BenchFailure` when any job failed. */
export async function measureRound(
  { target, meter, floor }: Instruments,
  { threads, ...plan }: RoundPlan,
  signal: AbortSignal,
): Promise<Round> {
  const { jobs } = plan;
  const floorOnce = () => floor?.({ threads, spawns: Math.min(floorSpawns, jobs) }, signal);
  const before = await floorOnce();
  const cpuBefore = meter?.cpuSec();
  const result = await runJobs(target, plan, signal);
  const cpuAfter = meter?.cpuSec();
  const residentBytes = meter?.residentBytes();
  const after = await floorOnce();
  const floorMean = (key: keyof FloorSample) =>
    before && after ? (before[key] + after[key]) / 2 : undefined;
  const floorPerSec = floorMean("perSec");
  const jobsPerSec = jobs / result.seconds;
  return {
    jobs,
    seconds: result.seconds,
    floorPerSec,
    spawnP50Ms: floorMean("p50Ms"),
    spawnP99Ms: floorMean("p99Ms"),
    jobsPerSec,
    ratioToFloor: floorPerSec === undefined ? undefined : jobsPerSec / floorPerSec,
    cpuMsPerJob: cpuBefore === undefined || cpuAfter === undefined
      ? undefined
      : (cpuAfter - cpuBefore) * 1000 / jobs,
    latencyP50Ms: result.latencyP50Ms,
    latencyP99Ms: result.latencyP99Ms,
    clientCpuMsPerJob: result.clientCpuMsPerJob,
    residentBytes,
  };
}

/**
 * Runs jobs from a process of its own. Throws a `BenchFailure` unless every single one was answered
 * as it should.
 */
export async function runJobs(
  target: Target,
  plan: Omit<JobsPlan, "address">,
  signal: AbortSignal,
  { expectedSec = plan.jobs / 50 }: { readonly expectedSec?: number } = {},
): Promise<JobsResult> {
  const options = { expectedSec, signal };
  const result = await runLoad<JobsPlan, JobsResult>("jobs", target, plan, options);
  const { failures, firstFailure } = result;
  if (failures === 0) return result;
  const log = target.logTail();
  throw new BenchFailure(
    `jobs failed: ${failures} of ${plan.jobs}, the first with: ${firstFailure}` +
      (log === undefined ? "" : `\nThe server's log ends:\n${log}`),
  );
}

/** The figures of rounds, each with a throughput and its floor. */
export function throughputFigures(
  rounds: readonly Round[],
  goals: { readonly ratioToFloor?: Goal; readonly cpuMsPerJob?: Goal } = {},
): Figure[] {
  const rows = [
    { name: "floorPerSec", label: "floor, spawns per second", digits: 0 },
    { name: "jobsPerSec", label: "jobs per second", digits: 0 },
    { name: "ratioToFloor", label: "jobs per second / floor", digits: 3 },
    { name: "cpuMsPerJob", label: "server's own CPU per job, ms", digits: 3 },
    { name: "latencyP50Ms", label: "latency p50, ms", digits: 2 },
    { name: "latencyP99Ms", label: "latency p99, ms", digits: 2 },
    { name: "clientCpuMsPerJob", label: "clients' CPU per job, ms", digits: 3 },
  ] as const;
  return rows.flatMap((row) => {
    const goal = (goals as Partial<Record<string, Goal>>)[row.name];
    return figure(goal ? { ...row, goal } : row, rounds.map((round) => round[row.name]));
  });
}
