/**
 * Metrics of processes that are started before their job, by command. Without a warm command they have no series, so they do
 * not appear.
 *
 * @module
 */

import type { Names } from "../jobs/job.ts";
import { type WarmEnd, warmEndReasons, type WarmStart, warmStartReasons } from "../jobs/warm.ts";
import { catalogue, jobStarts } from "./catalogue.ts";
import { createCounter } from "./counters.ts";
import type { Exposition } from "./exposition.ts";
import type { Labels } from "./histogram.ts";

/** Where the warm processes of all commands are reported. */
export interface WarmMetrics {
  /**
   * Where those of a command are reported. Its series exist from the first call on, from 0. `names` is undefined without a
   * configuration file.
   */
  warmOf(names: Names | undefined): WarmCounts;
}

/** Where the warm processes of one command are reported. */
export interface WarmCounts {
  /** A process was started. */
  started(why: WarmStart): void;
  /** A process has ended. */
  ended(why: WarmEnd): void;
  /** Bytes that belong to no job were dropped. */
  dropped(bytes: number): void;
  /** A job that ran ended. `isWarm`: its process was there before. */
  jobEnded(isWarm: boolean): void;
}

/** The counts of one command in one pool that have no label of their own. */
interface WarmTotals {
  readonly labels: Labels;
  processes: number;
  strayBytes: number;
}

/** Creates the instruments, without any series. */
export function createWarmMetrics(exposition: Exposition): WarmMetrics {
  const jobs = createCounter(exposition, catalogue.warmJobs, "start", jobStarts);
  const known = new Map<string, WarmCounts>();
  const totals: WarmTotals[] = [];
  exposition.observe(catalogue.warmProcesses, (report) => {
    for (const { processes, labels } of totals) report(processes, labels);
  });
  const starts = createCounter(exposition, catalogue.warmStarts, "why", warmStartReasons);
  const ends = createCounter(exposition, catalogue.warmEnds, "why", warmEndReasons);
  exposition.observe(catalogue.warmStrayBytes, (report) => {
    for (const { strayBytes, labels } of totals) report(strayBytes, labels);
  });

  function create(names: Names | undefined): WarmCounts {
    const labels: Labels = names ? { command: names.command, pool: names.pool } : {};
    const own: WarmTotals = { labels, processes: 0, strayBytes: 0 };
    totals.push(own);
    const jobsOf = jobs.add(labels);
    const startsOf = starts.add(labels);
    const endsOf = ends.add(labels);
    return {
      started(why) {
        startsOf[why]++;
        own.processes++;
      },
      ended(why) {
        endsOf[why]++;
        own.processes--;
      },
      dropped(bytes) {
        own.strayBytes += bytes;
      },
      jobEnded(isWarm) {
        jobsOf[isWarm ? "warm" : "cold"]++;
      },
    };
  }

  return {
    warmOf(names) {
      const key = names ? `${names.command}/${names.pool}` : "";
      let counts = known.get(key);
      if (!counts) known.set(key, counts = create(names));
      return counts;
    },
  };
}
