/**
 * One round: the load between two measurements of the floor, with the server's own counters read
 * around it.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { outputOf } from "./command.ts";
import { BenchFailure } from "./failure.ts";
import type { Floor } from "./floor.ts";
import type { LoadResult } from "./load.ts";
import type { ProcessMeter } from "./proc.ts";
import type { Server } from "./server.ts";

/** The figures of one round; undefined is what this machine cannot tell. */
export interface Round {
  /** Jobs of this round. */
  readonly jobs: number;
  /** How long the clients took for them. */
  readonly seconds: number;
  /** Spawns per second of the floor: the mean of right before and right after the jobs. */
  readonly floorPerSec: number | undefined;
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
  /** The server's resident memory at the end of the round. */
  readonly residentBytes: number | undefined;
}

/** What is measured with what. */
export interface Instruments {
  /** Runs the jobs. */
  readonly server: Server;
  /** Reads the server's process. */
  readonly meter: ProcessMeter;
  /** Undefined when there is none on this machine. */
  readonly floor: Floor | undefined;
}

/** Measures one round. Throws a `BenchFailure` when any job failed. */
export async function measureRound(
  { server, meter, floor }: Instruments,
  { jobs, clients }: { readonly jobs: number; readonly clients: number },
  signal: AbortSignal,
): Promise<Round> {
  const floorBefore = await floor?.(signal);
  const cpuBefore = meter.cpuSec();
  const result = await runLoad(server, { jobs, clients }, signal);
  const cpuAfter = meter.cpuSec();
  const residentBytes = meter.residentBytes();
  const floorAfter = await floor?.(signal);
  const floorPerSec = floorBefore === undefined || floorAfter === undefined
    ? undefined
    : (floorBefore + floorAfter) / 2;
  const jobsPerSec = jobs / result.seconds;
  return {
    jobs,
    seconds: result.seconds,
    floorPerSec,
    jobsPerSec,
    ratioToFloor: floorPerSec === undefined ? undefined : jobsPerSec / floorPerSec,
    cpuMsPerJob: cpuBefore === undefined || cpuAfter === undefined
      ? undefined
      : (cpuAfter - cpuBefore) * 1000 / jobs,
    latencyP50Ms: result.latencyP50Ms,
    latencyP99Ms: result.latencyP99Ms,
    residentBytes,
  };
}

/**
 * Runs jobs from a process of its own. Throws a `BenchFailure` unless every single one was
 * answered as it should.
 */
export async function runLoad(
  server: Server,
  { jobs, clients }: { readonly jobs: number; readonly clients: number },
  signal: AbortSignal,
): Promise<LoadResult> {
  // Far beyond what a slow machine needs: it only keeps a server that hangs from holding us for
  // ever.
  const deadlineSec = 60 + Math.ceil(jobs / 20);
  const text = await outputOf(Deno.execPath(), [
    "run",
    "--no-prompt",
    `--allow-net=127.0.0.1:${server.port}`,
    fileURLToPath(new URL("load.ts", import.meta.url)),
    ...[server.port, jobs, clients, deadlineSec].map(String),
  ], signal);
  const result = JSON.parse(text) as LoadResult;
  const complaint = result.failures > 0
    ? `jobs failed: ${result.failures} of ${jobs}, the first with: ${result.firstFailure}`
    : result.jobs < jobs
    ? `only ${result.jobs} of ${jobs} jobs were answered within ${deadlineSec} s`
    : undefined;
  if (complaint === undefined) return result;
  throw new BenchFailure(`${complaint}\nThe server's log ends:\n${server.logTail()}`);
}
