/**
 * A command whose processes are started before their jobs: what they are started with, and for how long each is used.
 *
 * @module
 */

import type { WarmListener } from "../../jobs/warm.ts";
import { createKeptWorkspace, type KeptWorkspace } from "../../spool/kept_workspace.ts";
import type { RunFiles } from "../../spool/workspace.ts";
import { environmentOf, type JobFacts } from "../child_env.ts";
import type { ColdStartSettings } from "../cold_start.ts";
import type { RunAbout } from "../runner.ts";
import { startCommand } from "../start.ts";
import { TimeLimit } from "../time_limit.ts";
import { blockNames, warmEnvironment } from "./block.ts";
import { WarmProcess, type WarmProcessParts } from "./process.ts";

/** Settings of a warm command. Its standard input is a pipe. */
export interface WarmSettings extends ColdStartSettings {
  /** Its name. */
  readonly name: string;
  /** How many jobs a process gets; `Infinity` for no limit. */
  readonly maxJobs: number;
  /** How long after its start a process gets jobs, in milliseconds; `Infinity` for no limit. */
  readonly maxAgeMs: number;
  /** How long a process may take to exit after the end of its standard input, in milliseconds. */
  readonly graceMs: number;
  /** Hears of its processes. */
  readonly listener: WarmListener;
  /** Called when the files of a process could not be removed. */
  readonly onLeftover: (error: unknown) => void;
}

/** What happens to a process, for whoever starts it. */
export type ProcessEvents = Pick<WarmProcessParts, "onIdleExit" | "onStray">;

/** The variables of a job, by name. */
export type Variables = Readonly<Record<string, string>>;

/** See the module's head. */
export class WarmCommand {
  /** Its settings. */
  readonly settings: WarmSettings;
  /** Stands for all that a process depends on: processes of equal keys can do each other's jobs. */
  readonly key: string;
  /** How long its jobs may run. */
  readonly limit: TimeLimit;
  /** The names of the variables in its blocks. */
  readonly blockNames: readonly string[];
  /** The variables that all processes inherit, and those that all jobs have. */
  readonly #inherited: Variables;
  readonly #common: Variables;

  /** Makes one; nothing is started. */
  constructor(settings: WarmSettings) {
    const { name, command, commandEnv, names, passHeaders, launcher } = settings;
    const { workingDirectory, requestSuffix, responseSuffix } = settings;
    this.settings = settings;
    this.limit = new TimeLimit(settings.jobTimeoutMs);
    this.key = JSON.stringify([
      ...[name, command, commandEnv, names, passHeaders],
      ...[launcher, workingDirectory, requestSuffix, responseSuffix],
    ]);
    this.blockNames = blockNames(names, passHeaders);
    this.#inherited = commandEnv;
    this.#common = warmEnvironment({ command: command.text, names, passHeaders });
  }

  /** Makes the files of a process. Rejects with errors of the file system. */
  createFiles(workerId: number): Promise<KeptWorkspace> {
    const { spool, requestSuffix, responseSuffix } = this.settings;
    const names = { workerId, id: "warm", requestSuffix, responseSuffix };
    return createKeptWorkspace(spool, names);
  }

  /** The variables of a job; `variables` are those of the run only. */
  variablesOf(
    { folder, requestFile, requestFolder, responseFile }: RunFiles,
    { workerId, id }: RunAbout,
    variables: Variables,
    { request, timeoutMs }: Pick<JobFacts, "request" | "timeoutMs">,
  ): Variables {
    return environmentOf(this.#common, variables, {
      ...{ workerId, id, jobFolder: folder, requestFile, requestFolder, responseFile },
      ...{ request, timeoutMs },
    });
  }

  /** Starts a process with the variables of a job, or of none yet. Rejects with errors of `startCommand`. */
  async start(
    files: KeptWorkspace,
    workerId: number,
    variables: Variables | undefined,
    events: ProcessEvents,
  ): Promise<WarmProcess> {
    const { launcher, scratch, trees, graceMs } = this.settings;
    const noJob = { request: undefined, timeoutMs: Infinity };
    const own = variables ?? this.variablesOf(files, { workerId, id: "" }, {}, noJob);
    const child = await startCommand(this.settings, { ...this.#inherited, ...own }, workerId);
    return new WarmProcess({ child, files, launcher, scratch, trees, graceMs, ...events });
  }
}
