/**
 * The data that the main isolate and the service isolate exchange; `abilities.ts` lists the questions and answers.
 *
 * @module
 */

import type { ClusterSecrets, Config } from "../config/config.ts";
import type { Launcher } from "../exec/start.ts";

/** How the service starts one command. */
export interface CommandStart {
  /** Name of the command. */
  readonly name: string;
  /** The program through which it is started; undefined if it is started directly. */
  readonly launcher: Launcher | undefined;
  /**
   * The environment that the service gives it, without the server's secrets. With a launcher, only the part that it does not
   * hold.
   */
  readonly env: Readonly<Record<string, string>>;
}

/** What the service can be given anew while it runs. */
export interface ServiceSettings {
  /** The frozen configuration. */
  readonly config: Config;
  /** How each command of the configuration is started, in the same order. */
  readonly starts: readonly CommandStart[];
  /** Maximum number of bytes that bodies and outputs of requests may hold in the spool together. */
  readonly spoolBytes: number;
}

/** Everything the service needs to start; handed over once. */
export interface ServiceStart extends ServiceSettings {
  /** Absolute paths of all that the service may start: launchers, some of which do not exist yet, or else programs. */
  readonly programs: readonly string[];
  /** Absolute path of the spool folder, exactly as it was granted. */
  readonly spool: string;
  /** The credentials for `config.cluster`; absent without it. They are shown nowhere. */
  readonly clusterSecrets?: ClusterSecrets | undefined;
}

/** Processes of one job that the service wants killed. */
export interface TreeRequest {
  /** The command's process id, which is also the id of its session if it has its own. The command may have exited. */
  readonly pid: number;
  /** The job's mark: the path of its folder, inside the spool. */
  readonly mark: string;
  /** Whether only processes that hold one of this process's pipes are meant. */
  readonly holdersOnly: boolean;
  /** Time between SIGTERM and SIGKILL, in milliseconds; 0 for SIGKILL at once. */
  readonly graceMs: number;
}

/** A launcher that no job needs any more. */
export interface UnusedLauncher {
  /** Its absolute path. */
  readonly path: string;
}

/** The client's end of a connection, as the runtime reports it. */
export interface ClientAddress {
  /** IPv4 or IPv6, without brackets. */
  readonly hostname: string;
  /** Its port. */
  readonly port: number;
}

/** Resource use of the server's own process. A figure that the machine cannot provide is absent. */
export interface ProcessFigures {
  /** CPU time, user and system. */
  readonly cpuSec: number;
  /** Resident memory. */
  readonly residentBytes?: number;
  /** When the process started, in Unix seconds. */
  readonly startTimeSec: number;
  /** Whether the last attempt to read the configuration was successful; absent if it is not read again. */
  readonly configReloaded?: boolean;
  /** Processes of jobs that jobrunner killed since the start. */
  readonly processesEnded: number;
  /** Virtual memory. */
  readonly virtualBytes?: number;
  /** Open file descriptors. */
  readonly openFds?: number;
  /** Maximum number of open file descriptors. */
  readonly maxFds?: number;
  /** Threads. */
  readonly threads?: number;
}

/** What main sends to start a service. */
export interface StartOrder {
  /** What it needs to start. */
  readonly start: ServiceStart;
  /** Memory in which it marks the request that it is working on (`busy.ts`). */
  readonly busy: SharedArrayBuffer;
}

/** The URL on which the service listens, or a sentence for the user: why it could not start. */
export type Started = { readonly url: string } | { readonly reason: string };

/** Whether new settings are in effect, or a sentence for the user: why nothing was changed. */
export type Replaced = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** One action tried inside the service isolate. */
export interface Probe {
  /** What was tried. */
  readonly attempt: string;
  /** Whether the permissions allowed it. */
  readonly allowed: boolean;
  /** Whether a sandboxed service must be able to do it. */
  readonly expected: boolean;
}

/** What came of trying the queue that machines share. All are sentences for the user. */
export interface QueueTrial {
  /** What was found. */
  readonly found: readonly string[];
  /** What is legal, but probably not what was meant. */
  readonly warnings: readonly string[];
  /** Why it cannot be used. */
  readonly errors: readonly string[];
}
