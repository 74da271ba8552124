/**
 * What the main isolate and the service isolate hand to each other; `abilities.ts` says in which questions and answers.
 *
 * @module
 */

import type { Config } from "../config/config.ts";
import type { Launcher } from "../exec/start.ts";

/** Everything the service needs to start; handed over once. */
export interface ServiceStart {
  /** The frozen configuration. */
  readonly config: Config;
  /** The environment that commands inherit, without the server's secrets; with a launcher, what that does not hold. */
  readonly commandEnv: Readonly<Record<string, string>>;
  /** What commands are started through; undefined for directly. */
  readonly launcher: Launcher | undefined;
  /** Absolute path of the spool folder, exactly as it was granted. */
  readonly spool: string;
}

/** Processes of one job that the service wants ended. */
export interface TreeRequest {
  /** The command's process id, and of its session, if it had one of its own; it may have ended. */
  readonly pid: number;
  /** Path of the job's folder, inside the spool: the job's mark. */
  readonly mark: string;
  /** Only those that hold a pipe of ours. */
  readonly holdersOnly: boolean;
}

/** The client's end of a connection, as the runtime reports it. */
export interface ClientAddress {
  /** IPv4 or IPv6, without brackets. */
  readonly hostname: string;
  /** Its port. */
  readonly port: number;
}

/** What can be measured of the server's own process; what the machine does not tell is absent. */
export interface ProcessFigures {
  /** User and system. */
  readonly cpuSec: number;
  /** Resident memory. */
  readonly residentBytes?: number;
  /** Unix seconds. */
  readonly startTimeSec: number;
  /** Processes of jobs that were ended since the start. */
  readonly processesEnded: number;
  /** Virtual memory. */
  readonly virtualBytes?: number;
  /** Open file descriptors. */
  readonly openFds?: number;
  /** The most there may be. */
  readonly maxFds?: number;
  /** Threads. */
  readonly threads?: number;
}

/** What main hands to a service that shall listen. */
export interface StartOrder {
  /** What it needs. */
  readonly start: ServiceStart;
  /** Memory in which it marks the request that it is busy with (`busy.ts`). */
  readonly busy: SharedArrayBuffer;
}

/** The service listens at a URL, or says in a sentence for the user why it could not start. */
export type Started = { readonly url: string } | { readonly reason: string };

/** One attempt to do a thing inside the service isolate. */
export interface Probe {
  /** What was tried. */
  readonly attempt: string;
  /** Whether the permissions let it pass. */
  readonly allowed: boolean;
  /** Whether a sandboxed service must be able to do it. */
  readonly expected: boolean;
}
