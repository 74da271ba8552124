/**
 * Jobs from their admission to their outcome: the line, the workers, and every way to leave either early.
 *
 * @module
 */

import { createChannel } from "../async/channel.ts";
import type { Admission, Cause, JobOutcome, JobRequest, LeaveCause } from "./job.ts";
import { type Pool, startPool } from "./pool.ts";
import { createStop, type Stop } from "./stop.ts";

/** What runs a job; the outcome is its own. */
export type RunJob = (job: RunningJob, workerId: number) => Promise<JobOutcome>;

/** A job as its run sees it. */
export interface RunningJob {
  /** What was asked. */
  readonly request: JobRequest;
  /** Seconds it waited. */
  readonly queuedSec: number;
  /** Where causes to end it come in. */
  readonly stop: Stop;
  /** Process id of its command, as soon as there is one; the run sets it. */
  pid?: number;
}

/** What was cut by a stop that could wait no longer. */
export interface Cut {
  /** Jobs that were running. */
  readonly running: number;
  /** Jobs that were waiting. */
  readonly waiting: number;
}

/** See the module's head. */
export interface Dispatch {
  /** Jobs waiting now. */
  readonly waiting: number;
  /** How long the first of them has waited, in seconds; 0 when nobody waits. */
  oldestWaitSec(): number;
  /** Its workers. */
  readonly pool: Pool<RunningJob>;
  /** Whole seconds after which a refused client may come back. */
  retryAfterSec(): number;
  /** Asks for a place. */
  submit(request: JobRequest): Admission;
  /** Admits nothing more; resolves when every admitted job has its outcome. Twice is fine. */
  close(): Promise<void>;
  /** Waiting jobs leave, running ones are ended. */
  cut(): Cut;
}

interface Job extends RunningJob {
  queuedSec: number;
  readonly admittedAt: number;
  /** Aborting it takes the job out of the line. */
  readonly leaving: AbortController;
  readonly settle: (outcome: JobOutcome) => void;
  readonly fail: (bug: unknown) => void;
  state: "waiting" | "running" | "settled";
  queueTimer?: ReturnType<typeof setTimeout>;
}

/** Starts the workers. `run` must not throw; if it does, `onBug` hears of it and the worker goes on. */
export function createDispatch(
  { numWorkers, queueLimit, queueTimeoutMs, onDisconnect, run, onBug }: {
    readonly numWorkers: number;
    readonly queueLimit: number;
    /** `Infinity` for no limit. */
    readonly queueTimeoutMs: number;
    readonly onDisconnect: "cancel" | "finish";
    readonly run: RunJob;
    readonly onBug: (bug: unknown, request: JobRequest) => void;
  },
): Dispatch {
  const line = createChannel<Job>(queueLimit);
  const jobs = new Set<Job>();

  const pool = startPool<Job>({
    size: numWorkers,
    channel: line,
    async run(job, workerId) {
      // It left in the instant between the line and the worker.
      if (job.state !== "waiting") return;
      clearTimeout(job.queueTimer);
      job.state = "running";
      job.queuedSec = waitedSec(job);
      job.settle(await run(job, workerId));
    },
    onBug(bug, job) {
      onBug(bug, job.request);
      job.fail(bug);
    },
  });

  function retryAfterSec(): number {
    return pool.expectedWaitSec(line.length + 1);
  }

  function leave(job: Job, cause: LeaveCause): void {
    if (job.state !== "waiting") return;
    clearTimeout(job.queueTimer);
    job.leaving.abort();
    const queuedSec = waitedSec(job);
    job.settle({ kind: "left", cause, queuedSec, retryAfterSec: retryAfterSec() });
  }

  function end(job: Job, cause: Exclude<Cause, "timed_out">): void {
    if (job.state === "waiting") leave(job, cause);
    else if (job.state === "running") job.stop.request(cause);
  }

  function submit(request: JobRequest): Admission {
    const { promise, resolve, reject } = Promise.withResolvers<JobOutcome>();
    const settled = () => {
      job.state = "settled";
      jobs.delete(job);
    };
    const job: Job = {
      request,
      queuedSec: 0,
      admittedAt: performance.now(),
      leaving: new AbortController(),
      stop: createStop(),
      state: "waiting",
      settle(outcome) {
        settled();
        resolve(outcome);
      },
      fail(bug) {
        settled();
        reject(bug);
      },
    };
    const sent = line.trySend(job, job.leaving.signal);
    if (sent !== "accepted") {
      const refusal = sent === "full" ? "queue_full" : "draining";
      return { admitted: false, refusal, waiting: line.length, retryAfterSec: retryAfterSec() };
    }
    jobs.add(job);
    if (queueTimeoutMs !== Infinity) {
      job.queueTimer = setTimeout(() => leave(job, "queue_timeout"), queueTimeoutMs);
    }
    return {
      admitted: true,
      outcome: promise,
      clientGone() {
        if (job.state === "waiting" || onDisconnect === "cancel") end(job, "canceled");
      },
    };
  }

  return {
    get waiting() {
      return line.length;
    },
    oldestWaitSec() {
      // In the order of their admission: at most as many as there are workers come before the first that waits.
      for (const job of jobs) if (job.state === "waiting") return waitedSec(job);
      return 0;
    },
    pool,
    retryAfterSec,
    submit,
    async close() {
      line.close();
      await pool.finished;
    },
    cut() {
      const all = [...jobs];
      const running = all.filter((job) => job.state === "running").length;
      for (const job of all) end(job, "shutdown");
      return { running, waiting: all.length - running };
    },
  };
}

function waitedSec({ admittedAt }: Job): number {
  return (performance.now() - admittedAt) / 1000;
}
