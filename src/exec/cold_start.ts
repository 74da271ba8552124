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
import type { PreparedRun, RunEnd, RunListener, Runner, RunOrder } from "./runner.ts";
import { startCommand, type StartSettings } from "./start.ts";
import { copyToStdin } from "./stdin.ts";
import { TimeLimit } from "./time_limit.ts";
import type { Names } from "../jobs/job.ts";
import { openRegularFile, type RegularFile } from "../spool/regular_file.ts";
import type { Spool } from "../spool/spool.ts";
import { createWorkspace, type Workspace } from "../spool/workspace.ts";

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
  const limit = new TimeLimit(settings.jobTimeoutMs);
  return {
    async prepare(input, { workerId, id }) {
      const fileNames = { workerId, id, requestSuffix, responseSuffix };
      const files = await createWorkspace(spool, input, fileNames);
      return new ColdRun(settings, limit, common, files, workerId);
    },
  };
}

/** The run of one job. A class, because every job has one. */
class ColdRun implements PreparedRun {
  readonly files: Workspace;
  readonly #settings: ColdStartSettings;
  readonly #limit: TimeLimit;
  readonly #common: Readonly<Record<string, string>>;
  readonly #workerId: number;

  constructor(
    settings: ColdStartSettings,
    limit: TimeLimit,
    common: Readonly<Record<string, string>>,
    files: Workspace,
    workerId: number,
  ) {
    this.#settings = settings;
    this.#limit = limit;
    this.#common = common;
    this.files = files;
    this.#workerId = workerId;
  }

  async run({ spec, variables, stop }: RunOrder, onEvent: RunListener): Promise<RunEnd> {
    const { files } = this;
    const settings = this.#settings;
    const { command, launcher, scratch, trees } = settings;
    const startedAt = performance.now();
    const timeoutMs = this.#limit.msOf(spec.timeoutSec);
    const env = environmentOf(this.#common, variables, {
      workerId: this.#workerId,
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
      return told(unreadable(error), onEvent);
    }
    let child: Deno.ChildProcess;
    try {
      child = await startCommand(settings, env, this.#workerId);
    } catch (error) {
      payload?.close();
      return told(failedStart(error, command.program, secondsSince(startedAt)), onEvent);
    }
    const { pid } = child;
    const stdin = payload && copyToStdin(payload, child.stdin);
    onEvent({ kind: "started", pid });
    const onStderr = (bytes: Uint8Array<ArrayBuffer>) => onEvent({ kind: "stderr", bytes });
    const launchLine = launcher && createLaunchLine(launcher, onStderr);
    const output = readPipe(child.stdout, scratch, (bytes) => onEvent({ kind: "stdout", bytes }));
    const error = readPipe(
      child.stderr,
      scratch,
      launchLine ? (bytes) => launchLine.write(bytes) : onStderr,
    );
    const endTimeout = this.#limit.start(timeoutMs, stop);
    const tree = { pid, mark: files.folder };
    const status = await commandEnd(child, stop, () => trees.endTree(tree));
    endTimeout();
    const elapsedSec = secondsSince(startedAt);
    // In the background, because the result does not depend on it.
    if (stdin) void stdinEnd(stdin, () => trees.endHolders(tree)).catch(() => {});
    await pipesEnd([output, error], () => trees.endHolders(tree));
    const exitStatus = stop.cause ? undefined : status?.code;
    const passing = launchLine?.end(exitStatus, output.seen);
    const errno = typeof passing === "object" ? await passing : passing;
    if (errno !== undefined) {
      return told(couldNotStart(launchFailure(errno, command.program), elapsedSec), onEvent);
    }
    if (stdin?.failure) return told(unreadable(stdin.failure), onEvent);
    return told({ ok: true, ending: endingOf(status, stop.cause), elapsedSec, pid }, onEvent);
  }
}

/** Passes the end of a run on to its listener, and returns it. */
function told(end: RunEnd, onEvent: RunListener): RunEnd {
  onEvent({ kind: "ended", end });
  return end;
}

function secondsSince(ms: number): number {
  return (performance.now() - ms) / 1000;
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
