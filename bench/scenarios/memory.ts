/**
 * Resident memory: idle, after many jobs, and while a command floods its outputs.
 *
 * @module
 */

import { figure, type Goal, megabyte } from "../figure.ts";
import { meterOf, type ProcessMeter } from "../proc.ts";
import { runJobs, smallJob } from "../round.ts";
import type { Bench, Scenario } from "../scenario.ts";
import { writeScript } from "../script.ts";
import { startServer } from "../server.ts";

/** What a server keeps of each output of the flood. */
const maxOutputBytes = 2 ** 20;

/** Milliseconds from one reading of memory to the next during the flood. */
const sampleMs = 25;

/** `memory`. */
export const memory: Scenario = {
  name: "memory",
  async run(bench) {
    const { memoryJobs, floodBytes } = bench.settings;
    const jobs = await afterJobs(bench);
    const flood = await duringFlood(bench);
    const row = (name: string, label: string, bytes: number | undefined, goal: Goal) =>
      figure(
        { name, label: `${label}, MB`, digits: 1, goal },
        [bytes === undefined ? undefined : bytes / megabyte],
      );
    return {
      setup: `resident memory (VmRSS); flood: ${floodBytes} bytes, half to stdout, half to ` +
        "stderr, 1 MiB of each kept",
      figures: [
        ...row("idleMb", "idle", jobs.idleBytes, { atMost: 80 }),
        ...row("afterJobsMb", `after ${memoryJobs} jobs`, jobs.afterBytes, { atMost: 115 }),
        ...row("floodMb", "peak of a flood", flood.peakBytes, { atMost: 150 }),
      ],
      leftOut: jobs.missing,
      details: { jobs, flood },
    };
  },
};

async function afterJobs({ settings, program, folder, signal, say }: Bench) {
  const { workers, clients, memoryJobs: jobs } = settings;
  const options = { command: program, workers, queueLimit: clients, folder };
  await using server = await startServer(options, signal);
  const { residentBytes, missing } = await meterOf(server.pid, signal);
  const idleBytes = residentBytes();
  say(`${jobs} jobs`);
  await runJobs(server, { ...smallJob, jobs, clients }, signal);
  const afterBytes = residentBytes();
  await server.stop();
  return { idleBytes, afterBytes, missing };
}

async function duringFlood({ settings, folder, signal, say }: Bench) {
  const half = Math.floor(settings.floodBytes / 2);
  const command = writeScript(folder, {
    name: "flood",
    // Fails when either could not write all of it: then the flood was not complete.
    lines: [`head -c ${half} /dev/zero >&2 &`, `head -c ${half} /dev/zero || exit 1`, "wait $!"],
  });
  const options = { command, workers: 1, queueLimit: 1, maxOutputBytes, folder };
  await using server = await startServer(options, signal);
  const meter = await meterOf(server.pid, signal);
  say(`a flood of ${settings.floodBytes} bytes`);
  const peak = samplePeak(meter);
  try {
    const { seconds } = await runJobs(
      server,
      // Two outputs in base64.
      { ...smallJob, jobs: 1, clients: 1, maxAnswerBytes: 3 * maxOutputBytes },
      signal,
      { expectedSec: settings.floodBytes / 100e6 },
    );
    return { seconds, peakBytes: peak.bytes() };
  } finally {
    peak[Symbol.dispose]();
    await server.stop();
  }
}

/** Reads a process's memory repeatedly until disposed of. */
function samplePeak(meter: ProcessMeter): Disposable & { bytes(): number | undefined } {
  let peak = meter.residentBytes();
  const look = () => {
    try {
      const now = meter.residentBytes();
      if (now !== undefined && now > (peak ?? 0)) peak = now;
    } catch {
      // The server has exited: the job that fails with it reports more.
    }
  };
  const timer = setInterval(look, sampleMs);
  return { bytes: () => peak, [Symbol.dispose]: () => clearInterval(timer) };
}
