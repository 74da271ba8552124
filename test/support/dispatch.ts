/**
 * A queue and workers whose runs end when the test says so.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createDispatch, type Dispatch, type DispatchSize } from "../../src/jobs/dispatch.ts";
import type { JobOutcome } from "../../src/jobs/job.ts";
import { createMemoryLine, type MemoryLine } from "../../src/jobs/memory_line.ts";
import type { RunningJob } from "../../src/jobs/pool.ts";
import { ranOf, specOf } from "./jobs.ts";

/** A run that has begun and not ended. */
export interface RunByHand {
  readonly job: RunningJob;
  readonly workerId: number;
  end(): void;
}

/** A dispatch whose runs the test ends. It fails the test if a worker has two runs at once, or a job runs twice. */
export interface DispatchByHand extends Dispatch {
  readonly line: MemoryLine;
  /** By the job's id. */
  readonly running: ReadonlyMap<string, RunByHand>;
  /** Jobs that have begun, as "job on worker". */
  readonly begun: readonly string[];
  /** Puts a job into the queue and resolves with its outcome. Fails the test if there is no place. */
  submit(id: string): Promise<JobOutcome>;
  /** Ends a run. Fails the test if the job does not run. */
  end(id: string): void;
  /** The workers as "id" or "id: job". */
  listed(): string[];
}

/** Makes such a dispatch; `onBegin` is called for each run. */
export function dispatchByHand(
  { size, places, queueTimeoutMs = Infinity }:
    & Partial<DispatchSize>
    & Omit<DispatchSize, "queueTimeoutMs">,
  onBegin: (run: RunByHand) => void = () => {},
): DispatchByHand {
  const line = createMemoryLine({ workers: size, places, queueTimeoutMs });
  const running = new Map<string, RunByHand>();
  const begun: string[] = [];
  const everRun = new Set<string>();
  const dispatch = createDispatch({
    line,
    size,
    async run(job, workerId) {
      const { id } = job.spec;
      assert.ok(!everRun.has(id), `job ${id} runs twice`);
      for (const run of running.values()) {
        assert.notEqual(run.workerId, workerId, "two runs at once");
      }
      const ended = Promise.withResolvers<void>();
      const run = { job, workerId, end: ended.resolve };
      everRun.add(id);
      begun.push(`${id} on ${workerId}`);
      running.set(id, run);
      onBegin(run);
      await ended.promise;
      running.delete(id);
      return ranOf(job.spec);
    },
    onBug(bug) {
      throw bug;
    },
  });
  return {
    ...dispatch,
    line,
    running,
    begun,
    submit(id) {
      const place = line.reserve({ command: "default" });
      assert.ok(place.reserved);
      return place.fill(specOf(id));
    },
    end(id) {
      const run = running.get(id);
      assert.ok(run, `job ${id} does not run`);
      run.end();
    },
    listed: () =>
      dispatch.pool.workers().map(({ id, job }) => job ? `${id}: ${job.spec.id}` : String(id)),
  };
}
