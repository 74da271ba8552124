/**
 * One command at work: its line, its workers, its runs.
 *
 * @module
 */

import type { WorkConfig } from "../config/config.ts";
import { createColdStart } from "../exec/cold_start.ts";
import type { TreeEnder } from "../exec/ending.ts";
import { createScratch } from "../exec/pipe.ts";
import type { RunSettings } from "../exec/run.ts";
import type { ServiceStart } from "../isolate/messages.ts";
import { createDispatch, type Dispatch } from "../jobs/dispatch.ts";
import { createMemoryLine } from "../jobs/memory_line.ts";
import { openSpool } from "../spool/spool.ts";
import { idsOf } from "../telemetry/ids.ts";
import { messageOf } from "../telemetry/log.ts";
import { type Listeners, runAndTell, stackOf } from "./account.ts";

/** What a command at work needs beside its configuration. */
export interface WorkParts extends Pick<ServiceStart, "commandEnv" | "launcher" | "spool"> {
  /** Ends processes. */
  readonly trees: TreeEnder;
  /** Puts the server's folder right; resolves with nothing, or with the reason why that could not be done. */
  readonly mend: () => Promise<string | undefined>;
  /** Who hears of its runs. */
  readonly listeners: Listeners;
}

/** Starts the workers of a command. */
export function startWork(
  { command, jobs, run }: WorkConfig,
  { commandEnv, launcher, spool, trees, listeners, ...host }: WorkParts,
): Dispatch {
  const { log } = listeners;
  const mend = async () => {
    const problem = await host.mend();
    if (problem !== undefined) throw new Error(problem);
  };
  const runner = createColdStart({
    command,
    commandEnv,
    launcher,
    mend,
    scratch: createScratch(),
    jobTimeoutMs: run.jobTimeoutMs,
    trees,
  });
  const settings: RunSettings = {
    ...run,
    runner,
    spool: openSpool(spool, mend),
    onLeftover: (error) =>
      log.error("a job's files could not be removed", { "exception.message": messageOf(error) }),
  };
  return createDispatch({
    line: createMemoryLine({
      workers: jobs.numWorkers,
      places: jobs.queueLimit,
      queueTimeoutMs: jobs.queueTimeoutMs,
    }),
    size: jobs.numWorkers,
    run: (job, workerId) => runAndTell(job, workerId, settings, listeners),
    onBug: (bug, { spec }) =>
      log.error("a worker met a bug", { ...idsOf(spec), "exception.stacktrace": stackOf(bug) }),
  });
}
