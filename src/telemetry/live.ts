/**
 * Metrics that are read at each scrape: the state of the queue, the workers, the buffers and the process.
 *
 * @module
 */

import type { ProcessFigures } from "../isolate/messages.ts";
import { type BufferShare, bufferShares, catalogue } from "./catalogue.ts";
import type { Exposition } from "./exposition.ts";

/** The figures of a pool: its workers and the queue in front of them. */
export interface PoolFigures {
  /** Its name; undefined without a configuration file. */
  readonly name: string | undefined;
  /** Number of workers. */
  readonly numWorkers: number;
  /** Maximum number of waiting jobs. */
  readonly queueLimit: number;
  /** Number of waiting jobs. */
  readonly queuedJobs: number;
  /** How long the first of them has waited, in seconds; 0 if no job waits. */
  readonly oldestWaitSec: number;
  /** Number of workers that have a job. */
  readonly busy: number;
}

/** Values that are read at each scrape. */
export interface LiveFigures {
  /** Versions of the program and of its runtime. */
  readonly versions: { readonly jobrunner: string; readonly deno: string };
  /** The pools that exist now. */
  pools(): readonly PoolFigures[];
  /** Bytes held in memory for requests. */
  buffered(): Readonly<Record<BufferShare, number>>;
  /** Bytes held on disk for requests. */
  spooled(): number;
  /** Number of clients that get the events of their jobs. */
  listeners(): number;
  /** Number of answers that were given up. */
  answersGivenUp(): number;
  /** The server's own process, as last measured. */
  process(): ProcessFigures | undefined;
}

/** Creates the instruments for these values. */
export function observeLive({ observe }: Exposition, live: LiveFigures): void {
  observe(catalogue.answersGivenUp, (report) => report(live.answersGivenUp()));
  for (const [row, key] of poolRows) {
    observe(row, (report) => {
      for (const pool of live.pools()) {
        report(pool[key], pool.name === undefined ? {} : { pool: pool.name });
      }
    });
  }
  observe(catalogue.buffered, (report) => {
    const held = live.buffered();
    for (const share of bufferShares) report(held[share], { share });
  });
  observe(catalogue.spooled, (report) => report(live.spooled()));
  observe(catalogue.listeners, (report) => report(live.listeners()));
  observe(catalogue.buildInfo, (report) => {
    report(1, { version: live.versions.jobrunner, deno_version: live.versions.deno });
  });
  observe(catalogue.configReloaded, (report) => {
    const reloaded = live.process()?.configReloaded;
    if (reloaded !== undefined) report(reloaded ? 1 : 0);
  });
  for (const [row, key] of processRows) {
    observe(row, (report) => {
      const value = live.process()?.[key];
      if (value !== undefined) report(value);
    });
  }
}

const poolRows = [
  [catalogue.queued, "queuedJobs"],
  [catalogue.oldestWait, "oldestWaitSec"],
  [catalogue.queueLimit, "queueLimit"],
  [catalogue.workers, "numWorkers"],
  [catalogue.workersBusy, "busy"],
] as const;

const processRows = [
  [catalogue.processesEnded, "processesEnded"],
  [catalogue.processCpu, "cpuSec"],
  [catalogue.processResident, "residentBytes"],
  [catalogue.processVirtual, "virtualBytes"],
  [catalogue.processOpenFds, "openFds"],
  [catalogue.processMaxFds, "maxFds"],
  [catalogue.processThreads, "threads"],
  [catalogue.processStart, "startTimeSec"],
] as const;
