/**
 * One run of the command, from its files' creation to their removal.
 *
 * @module
 */

import { letGo } from "../async/bytes.ts";
import type { Captured, JobRequest, RunFault, RunResult } from "../jobs/job.ts";
import { capture, type Scratch } from "./capture.ts";
import { environmentOf } from "./child_env.ts";
import { commandEnd, endingOf, pipesEnd, type TreeEnder } from "./ending.ts";
import { launchFailure, type NotStarted, spawnFailure } from "./not_started.ts";
import type { Stop } from "../jobs/stop.ts";
import type { Spool } from "../spool/spool.ts";
import {
  LauncherError,
  launchErrno,
  launchLineLength,
  startCommand,
  type StartSettings,
} from "./start.ts";
import { createWorkspace, type Workspace } from "../spool/workspace.ts";

/** What every run of a server shares. */
export interface RunSettings extends StartSettings {
  /** The environment that commands inherit, without secrets; with a launcher only what that does not hold. */
  readonly commandEnv: Readonly<Record<string, string>>;
  /** Where the files lie. */
  readonly spool: Spool;
  /** Appended to the name of the file that holds the payload; may be empty. */
  readonly requestSuffix: string;
  /** Appended to the name of the response file; may be empty. */
  readonly responseSuffix: string;
  /** Bytes kept of each of stdout, stderr and the response file. */
  readonly maxOutputBytes: number;
  /** Memory that pipes are read into. */
  readonly scratch: Scratch;
  /** How long a command may run; `Infinity` for no limit. */
  readonly jobTimeoutMs: number;
  /** Ends processes. */
  readonly trees: TreeEnder;
  /** Hears of files that could not be removed after a run. */
  readonly onLeftover: (error: unknown) => void;
}

/** What ties one run to the rest of its job. */
export interface RunHooks {
  /** Where causes to end it come in. */
  readonly stop: Stop;
  /** Variables for this one run, over those that every run gets. */
  readonly variables: Readonly<Record<string, string>>;
  /** Hears of the command's process id. */
  readonly onStarted: (pid: number) => void;
}

/** A run that took place, whatever its ending, or the reason why the server could not even try. */
export type RunOutcome =
  | { readonly ok: true; readonly result: RunResult }
  | { readonly ok: false; readonly fault: RunFault };

/** The longest that a command may run where there is a limit: what a timer of the runtime can count, in whole seconds. */
const longestMs = 2_147_483_000;

const nothing: Captured = { bytes: new Uint8Array(), truncated: false };

/** Runs the command for one job. The payload is taken out of the request as soon as it is in its file. */
export async function run(
  request: JobRequest,
  workerId: number,
  settings: RunSettings,
  { stop, variables, onStarted }: RunHooks,
): Promise<RunOutcome> {
  let workspace: Workspace;
  try {
    workspace = await createWorkspace(settings.spool, {
      workerId,
      id: request.id,
      payload: request.payload,
      requestSuffix: settings.requestSuffix,
      responseSuffix: settings.responseSuffix,
    });
  } catch (error) {
    return failed({
      kind: "spool_unusable",
      reason: `cannot write the job's files: ${(error as Error).message}`,
    });
  } finally {
    letGo(request.payload);
    request.payload = new Uint8Array();
    request.onPayloadStored();
  }
  try {
    return await runIn(workspace, request, workerId, settings, { stop, variables, onStarted });
  } finally {
    try {
      await workspace.remove();
    } catch (error) {
      settings.onLeftover(error);
    }
  }
}

async function runIn(
  workspace: Workspace,
  request: JobRequest,
  workerId: number,
  settings: RunSettings,
  { stop, variables, onStarted }: RunHooks,
): Promise<RunOutcome> {
  const { command, launcher, commandEnv, maxOutputBytes, scratch, jobTimeoutMs, trees } = settings;
  const startedAt = performance.now();
  const elapsedSec = () => (performance.now() - startedAt) / 1000;
  const timeoutMs = timeoutMsOf(jobTimeoutMs, request.timeoutSec);
  const env = environmentOf(commandEnv, variables, {
    command: command.text,
    workerId,
    id: request.id,
    jobFolder: workspace.folder,
    requestFile: workspace.requestFile,
    responseFile: workspace.responseFile,
    timeoutMs,
  });
  let child: Deno.ChildProcess;
  try {
    child = await startCommand(settings, env);
  } catch (error) {
    return couldNotStart(
      error instanceof LauncherError
        ? { kind: "spawn_refused", reason: error.message }
        : spawnFailure(error, command.program),
      elapsedSec(),
    );
  }
  onStarted(child.pid);
  const { onCaptured } = request;
  const output = capture(child.stdout, maxOutputBytes, scratch, onCaptured);
  const mostOfErrors = Math.max(maxOutputBytes, launcher ? launchLineLength(launcher) : 0);
  const error = capture(child.stderr, mostOfErrors, scratch, onCaptured);
  const timer = timeoutMs === Infinity
    ? undefined
    : setTimeout(() => stop.request("timed_out"), timeoutMs);
  const mark = workspace.folder;
  const status = await commandEnd(child, stop, () => trees.endTree({ pid: child.pid, mark }));
  clearTimeout(timer);
  const elapsed = elapsedSec();
  await pipesEnd([output, error], () => trees.endHolders({ pid: child.pid, mark }));
  const [said, complained] = [output.take(), error.take()];
  const errno = launcher && !stop.cause
    ? launchErrno(launcher, status?.code, said, complained)
    : undefined;
  if (errno !== undefined) return couldNotStart(launchFailure(errno, command.program), elapsed);
  const response = await workspace.readResponse(maxOutputBytes);
  onCaptured(response.data.bytes.length);
  return {
    ok: true,
    result: {
      ending: endingOf(status, stop.cause),
      elapsedSec: elapsed,
      output: said,
      error: cutTo(maxOutputBytes, complained),
      data: response.data,
      pid: child.pid,
      ...(response.message === undefined ? {} : { message: response.message }),
    },
  };
}

/** The shorter of both limits in whole milliseconds, at least one; `Infinity` for none. */
function timeoutMsOf(jobTimeoutMs: number, askedSec: number | undefined): number {
  const askedMs = askedSec === undefined ? Infinity : Math.min(askedSec * 1000, longestMs);
  const ms = Math.min(jobTimeoutMs, askedMs);
  return ms === Infinity ? ms : Math.max(1, Math.round(ms));
}

function cutTo(limit: number, { bytes, truncated }: Captured): Captured {
  return bytes.length <= limit
    ? { bytes, truncated }
    : { bytes: bytes.subarray(0, limit), truncated: true };
}

function couldNotStart(failure: NotStarted | RunFault, elapsedSec: number): RunOutcome {
  return failure.kind === "not_started" ? notStarted(failure, elapsedSec) : failed(failure);
}

function failed(fault: RunFault): RunOutcome {
  return { ok: false, fault };
}

/** A command that cannot start says why where its own complaints would be: in `error`. */
function notStarted(ending: NotStarted, elapsedSec: number): RunOutcome {
  const message = ending.reason;
  const bytes = new TextEncoder().encode(`jobrunner: ${message}\n`);
  return {
    ok: true,
    result: {
      ending,
      elapsedSec,
      output: nothing,
      error: { bytes, truncated: false },
      data: nothing,
      message,
    },
  };
}
