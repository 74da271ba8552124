/**
 * The cold start: starts a new process for each job and handles it until its pipes have ended.
 *
 * @module
 */

import { commonEnvironment, environmentOf } from "./child_env.ts";
import { commandEnd, endingOf, pipesEnd, stdinEnd, type TreeEnder } from "./ending.ts";
import { couldNotStart, failedStart } from "./failed_start.ts";
import { createLaunchLine } from "./launch_line.ts";
import { detailOf, launchFailure } from "./not_started.ts";
import { readPipe, type Scratch } from "./pipe.ts";
import type { RunAbout, RunEnd, RunListener, Runner, RunOrder } from "./runner.ts";
import { startCommand, type StartSettings } from "./start.ts";
import { copyToStdin } from "./stdin.ts";
import { startTimeout, timeoutMsOf } from "./time_limit.ts";
import type { Names } from "../jobs/job.ts";
import { openRegularFile, type RegularFile } from "../spool/regular_file.ts";
import type { Spool } from "../spool/spool.ts";
import { createWorkspace, type RunFiles } from "../spool/workspace.ts";

/** Settings that all cold starts of a command share. */
export interface ColdStartSettings extends StartSettings {
  /** The folder that the files of jobs are in. */
  readonly spool: Spool;
  /** Appended to the name of the file that holds the payload; may be empty. */
  readonly requestSuffix: string;
  /** Appended to the name of the response file; may be empty. */
  readonly responseSuffix: string;
  /** The environment that commands inherit, without secrets; with a launcher, only what the launcher does not hold. */
  readonly commandEnv: Readonly<Record<string, string>>;
  /** Its names, which it gets as variables; undefined for none. */
  readonly names: Names | undefined;
  /** Names of the request headers that it gets as variables. */
  readonly passHeaders: readonly string[];
  /** Memory that pipes are read into. */
  readonly scratch: Scratch;
  /** How long a command may run, in milliseconds; `Infinity` for no limit. */
  readonly jobTimeoutMs: number;
  /** Kills process trees. */
  readonly trees: TreeEnder;
}

/** Makes a runner that starts the command for each job. */
export function createColdStart(settings: ColdStartSettings): Runner {
  const { command, commandEnv, names, passHeaders, spool, requestSuffix, responseSuffix } =
    settings;
  const common = commonEnvironment(commandEnv, { command: command.text, names, passHeaders });
  return {
    async prepare(input, about) {
      const suffixes = { requestSuffix, responseSuffix };
      const files = await createWorkspace(spool, input, { ...about, ...suffixes });
      return {
        files,
        async run(order, onEvent) {
          const end = await runCold(settings, common, { ...order, files, ...about }, onEvent);
          onEvent({ kind: "ended", end });
          return end;
        },
      };
    },
  };
}

async function runCold(
  settings: ColdStartSettings,
  common: Readonly<Record<string, string>>,
  { spec, workerId, files, variables, stop }: RunOrder & RunAbout & { readonly files: RunFiles },
  onEvent: RunListener,
): Promise<RunEnd> {
  const { command, launcher, scratch, jobTimeoutMs, trees } = settings;
  const startedAt = performance.now();
  const elapsedSec = () => (performance.now() - startedAt) / 1000;
  const timeoutMs = timeoutMsOf(jobTimeoutMs, spec.timeoutSec);
  const env = environmentOf(common, variables, {
    workerId,
    id: spec.id,
    jobFolder: files.folder,
    requestFile: files.requestFile,
    requestFolder: files.requestFolder,
    responseFile: files.responseFile,
    request: spec.request,
    timeoutMs,
  });
  let payload: RegularFile | undefined;
  try {
    if (settings.stdin === "piped") payload = openRegularFile(files.requestFile);
  } catch (error) {
    return unreadable(error);
  }
  let child: Deno.ChildProcess;
  try {
    child = await startCommand(settings, env, workerId);
  } catch (error) {
    payload?.close();
    return failedStart(error, command.program, elapsedSec());
  }
  const stdin = payload && copyToStdin(payload, child.stdin);
  onEvent({ kind: "started", pid: child.pid });
  const onStderr = (bytes: Uint8Array<ArrayBuffer>) => onEvent({ kind: "stderr", bytes });
  const launchLine = launcher && createLaunchLine(launcher, onStderr);
  const output = readPipe(child.stdout, scratch, (bytes) => onEvent({ kind: "stdout", bytes }));
  const error = readPipe(child.stderr, scratch, launchLine?.write ?? onStderr);
  const endTimeout = startTimeout(timeoutMs, stop);
  const tree = { pid: child.pid, mark: files.folder };
  const status = await commandEnd(child, stop, () => trees.endTree(tree));
  endTimeout();
  const elapsed = elapsedSec();
  // In the background, because the result does not depend on it.
  if (stdin) void stdinEnd(stdin, () => trees.endHolders(tree)).catch(() => {});
  await pipesEnd([output, error], () => trees.endHolders(tree));
  const errno = await launchLine?.end(stop.cause ? undefined : status?.code, output.seen);
  if (errno !== undefined) return couldNotStart(launchFailure(errno, command.program), elapsed);
  if (stdin?.failure) return unreadable(stdin.failure);
  return { ok: true, ending: endingOf(status, stop.cause), elapsedSec: elapsed, pid: child.pid };
}

/** The end of a run whose command did not get the whole payload as its standard input. */
function unreadable(error: unknown): RunEnd {
  return {
    ok: false,
    failure: {
      kind: "spool_unusable",
      reason: `cannot read the payload: ${detailOf(error)}`,
    },
  };
}
