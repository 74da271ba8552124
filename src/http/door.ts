/**
 * What HTTP needs from the rest of the program.
 *
 * @module
 */

import type { JobSpec, Names } from "../jobs/job.ts";
import type { Line } from "../jobs/line.ts";
import type { Inbox } from "../spool/inbox.ts";
import type { RequestTarget, RequestTrace } from "../telemetry/trace.ts";
import type { CommandList } from "../wire/commands.ts";
import type { ServiceStatus } from "../wire/status.ts";

/** A command, as a request for a job finds it. It stays valid for that request when commands change. */
export interface CommandDoor {
  /** Its name; `default` if commands have no names. */
  readonly name: string;
  /** Its name and its pool's in logs and metrics; undefined if commands have no names. */
  readonly names: Names | undefined;
  /** What happens to a running job whose client has disconnected. */
  readonly onDisconnect: JobSpec["onDisconnect"];
  /** Number of the version of the command, for its jobs. */
  readonly version: number;
  /** Maximum size of a request body; `Infinity` for no limit. */
  readonly maxRequestBytes: number;
  /** Maximum size of a body of `POST /run`; `Infinity` for no limit. */
  readonly maxRunBytes: number;
  /** Names in lower case of the request headers that it gets as variables. */
  readonly passHeaders: readonly string[];
  /** Content type of its response file. */
  readonly responseType: string;
  /** Status of an answer in bytes if it failed: 200, or 400 to 599. */
  readonly failedStatus: number;
  /** Asks for a place in its queue. */
  readonly reserve: Line["reserve"];
  /** The same as `Line.waiting` of its queue. */
  readonly waiting: number;
  /** Makes a folder for the body of a request. Rejects with errors of the file system. */
  openInbox(): Promise<Inbox>;
  /** Whole seconds after which a client that it refuses may retry. */
  retryAfterSec(): number;
  /** Must be called once, when the request is over. */
  release(): void;
}

/**
 * Whether a queue that lives elsewhere can be reached; one in memory is always `ok`. Otherwise it is `degraded` if the server is to
 * count as ready all the same, since it refuses jobs with a Retry-After, and `unavailable` if not.
 */
export type QueueState = "ok" | "degraded" | "unavailable";

/** What the rest of the program offers to HTTP. */
export interface FrontDoor {
  /** Whether commands have names: with a configuration file. Otherwise the only command is the default. */
  readonly named: boolean;
  /** The command with this name, without a name the default command; undefined if there is none. The caller releases it. */
  command(name?: string): CommandDoor | undefined;
  /** The names of all commands, sorted. */
  commandNames(): readonly string[];
  /** All commands, with the state of their pools. */
  commands(): CommandList;
  /** Whole seconds after which a client may retry whose refused request names no command. */
  retryAfterSec(): number;
  /** Whether new jobs are admitted. */
  ready(): boolean;
  /** Whether the queue takes jobs. */
  queueState(): QueueState;
  /** Begins the request's part of a trace; undefined if it belongs to none. */
  beginTrace(headers: Headers, target: RequestTarget): RequestTrace | undefined;
  /** The state of the service, without what HTTP itself knows. */
  status(): Omit<ServiceStatus, "buffered" | "ready">;
  /** The metrics, in Prometheus text format. */
  metricsText(): Promise<string>;
  /** Version of the program. */
  readonly version: string;
}
