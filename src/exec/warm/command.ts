/**
 * A command whose processes are started before their jobs: what they are started with, and for how long each is used.
 *
 * @module
 */

import { warmVariable } from "../../config/job_variables.ts";
import type { WarmListener } from "../../jobs/warm.ts";
import { createKeptWorkspace, type KeptWorkspace } from "../../spool/kept_workspace.ts";
import { commonEnvironment, environmentOf } from "../child_env.ts";
import type { ColdStartSettings } from "../cold_start.ts";
import { startCommand } from "../start.ts";
import { blockNames } from "./block.ts";
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
  /** The names of the variables in its blocks. */
  readonly blockNames: readonly string[];
  readonly #common: Variables;

  /** Makes one; nothing is started. */
  constructor(settings: WarmSettings) {
    const { name, command, commandEnv, names, passHeaders, launcher } = settings;
    const { workingDirectory, requestSuffix, responseSuffix } = settings;
    this.settings = settings;
    this.key = JSON.stringify([
      ...[name, command, commandEnv, names, passHeaders],
      ...[launcher, workingDirectory, requestSuffix, responseSuffix],
    ]);
    this.blockNames = blockNames(names, passHeaders);
    this.#common = {
      ...Object.fromEntries(this.blockNames.map((name) => [name, ""])),
      ...commonEnvironment(commandEnv, { command: command.text, names, passHeaders }),
      [warmVariable]: "1",
    };
  }

  /** Makes the files of a process. Rejects with errors of the file system. */
  createFiles(workerId: number): Promise<KeptWorkspace> {
    const { spool, requestSuffix, responseSuffix } = this.settings;
    const names = { workerId, id: "warm", requestSuffix, responseSuffix };
    return createKeptWorkspace(spool, names);
  }

  /**
   * Starts a process: for a job, whose variables it gets in its environment too, or for none yet. Rejects with errors of
   * `startCommand`.
   */
  async start(
    files: KeptWorkspace,
    workerId: number,
    variables: Variables | undefined,
    events: ProcessEvents,
  ): Promise<WarmProcess> {
    const { launcher, scratch, trees, graceMs } = this.settings;
    const env = { ...this.#common, ...variables ?? waiting(files, workerId) };
    const child = await startCommand(this.settings, env, workerId);
    return new WarmProcess({ child, files, launcher, scratch, trees, graceMs, ...events });
  }
}

/** The variables of a process that has no job yet. */
function waiting(files: KeptWorkspace, workerId: number): Variables {
  return environmentOf({}, {}, {
    workerId,
    id: "",
    jobFolder: files.folder,
    requestFile: files.requestFile,
    requestFolder: "",
    responseFile: files.responseFile,
    request: undefined,
    timeoutMs: Infinity,
  });
}
