/**
 * The commands of a server as clients see them: the form of their names, and the list of `GET /commands`.
 *
 * @module
 */

import { toMilliseconds } from "./rounding.ts";
import { commandPath } from "./resources.ts";

const formOfName = /^[a-z][a-z0-9_-]{0,31}$/;

/** The form of a command's name, in words. */
export const commandNameForm =
  "a lower-case letter, then up to 31 lower-case letters, digits, _ and -";

/** Whether a text has the form of a command's name. */
export function isCommandName(text: string): boolean {
  return formOfName.test(text);
}

/** A command and the state of its pool. `Infinity` means that there is no limit. */
export interface CommandState {
  /** Its name. */
  readonly name: string;
  /** A sentence for people; undefined if there is none. */
  readonly description: string | undefined;
  /** Name of the pool whose workers run it. */
  readonly pool: string;
  /** Number of workers of its pool. */
  readonly numWorkers: number;
  /** Maximum number of jobs that wait in its pool. */
  readonly queueLimit: number;
  /** How long a job may wait, in seconds. */
  readonly queueTimeoutSec: number;
  /** How long it may run, in seconds. */
  readonly jobTimeoutSec: number;
  /** Maximum size of a body of `POST /payload`. */
  readonly maxRequestBytes: number;
  /** Maximum size of a body of `POST /run`. */
  readonly maxRunBytes: number;
  /** Maximum number of bytes kept of each of stdout, stderr and the response file, for an answer in JSON. */
  readonly maxOutputBytes: number;
  /** The same for other answers of `POST /run`. */
  readonly maxResultBytes: number;
  /** Workers of its pool that have a job. */
  readonly busy: number;
  /** Jobs that wait in its pool. */
  readonly queuedJobs: number;
}

/** All commands of a server. */
export interface CommandList {
  /** Name of the command that `POST /payload` runs; undefined if there is none. */
  readonly defaultName: string | undefined;
  /** The commands, in the order in which they are listed. */
  readonly commands: readonly CommandState[];
}

/** Encodes the body of `GET /commands`. */
export function encodeCommands({ defaultName, commands }: CommandList): string {
  return JSON.stringify({
    default: defaultName ?? null,
    commands: commands.map((command) => ({
      name: command.name,
      description: command.description,
      path: commandPath(command.name),
      pool: command.pool,
      num_workers: command.numWorkers,
      queue_limit: limit(command.queueLimit),
      queue_timeout_sec: limit(toMilliseconds(command.queueTimeoutSec)),
      job_timeout_sec: limit(toMilliseconds(command.jobTimeoutSec)),
      max_request_bytes: limit(command.maxRequestBytes),
      max_run_bytes: limit(command.maxRunBytes),
      max_output_bytes: limit(command.maxOutputBytes),
      max_result_bytes: limit(command.maxResultBytes),
      busy: command.busy,
      queued_jobs: command.queuedJobs,
    })),
  }) + "\n";
}

/** A limit, or null if there is none. */
function limit(value: number): number | null {
  return value === Infinity ? null : value;
}
