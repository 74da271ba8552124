/**
 * Everything that works for one command: its queue, its workers, its runs.
 *
 * @module
 */

import type { WorkConfig } from "../config/config.ts";
import { createColdStart } from "../exec/cold_start.ts";
import { createScratch } from "../exec/pipe.ts";
import type { RunSettings } from "../exec/run.ts";
import type { MainAbilities } from "../isolate/abilities.ts";
import { type Ask, shared } from "../isolate/ask.ts";
import type { ServiceStart } from "../isolate/messages.ts";
import { createDispatch, type Dispatch } from "../jobs/dispatch.ts";
import { createMemoryLine } from "../jobs/memory_line.ts";
import { openSpool } from "../spool/spool.ts";
import { messageOf } from "../telemetry/log.ts";
import { type Listeners, reportBug, runAndReport } from "./account.ts";

/** What running a command needs besides its configuration. */
export interface WorkParts extends Pick<ServiceStart, "commandEnv" | "launcher" | "spool"> {
  /** Asks main to kill processes and to repair the server's folder. */
  readonly ask: Ask<MainAbilities>;
  /** Where the runs are reported. */
  readonly listeners: Listeners;
}

/** Starts the workers of a command. */
export function startWork(
  { command, jobs, run }: WorkConfig,
  { commandEnv, launcher, spool, ask, listeners }: WorkParts,
): Dispatch {
  const { log } = listeners;
  const repair = shared(async () => {
    const reason = await ask("repair");
    if (reason !== undefined) throw new Error(reason);
  });
  const runner = createColdStart({
    command,
    commandEnv,
    launcher,
    repair,
    scratch: createScratch(),
    jobTimeoutMs: run.jobTimeoutMs,
    trees: {
      endTree: ({ pid, mark }) => ask("end_tree", { pid, mark, holdersOnly: false }),
      endHolders: ({ pid, mark }) => ask("end_tree", { pid, mark, holdersOnly: true }),
    },
  });
  const settings: RunSettings = {
    ...run,
    runner,
    spool: openSpool(spool, repair),
    onLeftover: (error) =>
      log.write("a job's files could not be removed", { "exception.message": messageOf(error) }),
  };
  return createDispatch({
    line: createMemoryLine({
      workers: jobs.numWorkers,
      places: jobs.queueLimit,
      queueTimeoutMs: jobs.queueTimeoutMs,
    }),
    size: jobs.numWorkers,
    run: (job, workerId) => runAndReport(job, workerId, settings, listeners, undefined),
    onBug: (bug, job) => reportBug(bug, job, log, undefined),
  });
}
