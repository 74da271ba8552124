/**
 * One run of a job, from creating its files to removing them.
 *
 * @module
 */

import { freeMemory } from "../async/bytes.ts";
import {
  type Captured,
  type JobHandle,
  type JobSpec,
  noInput,
  nothingCaptured,
  type RunFailure,
} from "../jobs/job.ts";
import type { Stop } from "../jobs/stop.ts";
import type { ResponseFile } from "../spool/response.ts";
import type { Spool } from "../spool/spool.ts";
import type { PreparedRun, RunEnd, RunListener, Runner } from "./runner.ts";

/** Settings that all runs of a server share. */
export interface RunSettings {
  /** Runs the command. */
  readonly runner: Runner;
  /** The folder that the files of jobs are in. */
  readonly spool: Spool;
  /** Maximum number of bytes kept of each output of a job that keeps them in memory. */
  readonly maxOutputBytes: number;
  /** The same for other jobs. */
  readonly maxResultBytes: number;
  /** Called when a run's files could not be removed. */
  readonly onLeftover: (error: unknown) => void;
}

/** A job with its worker. */
export interface RunningSpec {
  /** The job; its payload is removed from it as soon as the payload is in its file. */
  readonly spec: JobSpec;
  /** Callbacks of this process for the job. */
  readonly handle: JobHandle | undefined;
  /** Receives the cause to end the run. */
  readonly stop: Stop;
  /** Number of the worker. */
  readonly workerId: number;
  /** Variables for this run only; they override those that every run gets. */
  readonly variables: Readonly<Record<string, string>>;
}

/** A run with its ending, or the reason why the server could not attempt it. */
export type RunOutcome =
  | Extract<RunEnd, { readonly ok: true }> & {
    /** Content of the response file. */
    readonly data: Captured;
  }
  | Extract<RunEnd, { readonly ok: false }>;

/**
 * Runs the command for one job; `onEvent` is called with each event of the run. If the response is in a file, the caller closes
 * it.
 */
export async function run(
  job: RunningSpec,
  settings: RunSettings,
  onEvent: RunListener,
): Promise<RunOutcome> {
  const { spec, handle, workerId } = job;
  const { runner } = settings;
  let prepared: PreparedRun;
  try {
    prepared = await runner.prepare(spec.input, { workerId, id: spec.id });
  } catch (error) {
    runner.release?.(workerId);
    return failed({
      kind: "spool_unusable",
      reason: `cannot write the job's files: ${(error as Error).message}`,
    });
  } finally {
    if (spec.input.kind === "bytes") freeMemory(spec.input.bytes);
    spec.input = noInput;
    handle?.onInputStored();
  }
  const { files } = prepared;
  try {
    const end = await prepared.run(job, onEvent);
    if (!end.ok) return end;
    const { ending } = end;
    if (ending.kind === "not_started") {
      return { ...end, data: nothingCaptured, message: ending.reason };
    }
    const response = spec.keep === "memory"
      ? await files.readResponse(settings.maxOutputBytes)
      : await files.openResponse(settings.maxResultBytes);
    return withResponse(end, response, handle);
  } finally {
    try {
      await files.remove();
    } catch (error) {
      settings.onLeftover(error);
    }
    runner.release?.(workerId);
  }
}

function withResponse(
  end: Extract<RunEnd, { readonly ok: true }>,
  { data, message }: ResponseFile,
  handle: JobHandle | undefined,
): RunOutcome {
  const { bytes, file } = data;
  if (file && handle?.disk?.take(file.length) === false) {
    file.close();
    return { ...end, data: { ...nothingCaptured, truncated: true } };
  }
  handle?.onCaptured(bytes.length);
  if (message === undefined) return { ...end, data };
  return {
    ...end,
    data,
    message: end.message === undefined ? message : `${end.message}; ${message}`,
  };
}

function failed(failure: RunFailure): RunOutcome {
  return { ok: false, failure };
}
