/**
 * The typed messages between the main isolate and the service isolate. Main never receives a byte that a client sent,
 * and checks what it receives: a new message needs its rule in `supervisor/border.ts`.
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
  /** Ties the answer to the request. */
  readonly id: number;
  /** The command's process id, and of its session, if it had one of its own; it may have ended. */
  readonly pid: number;
  /** Path of the job's folder, inside the spool: the job's mark. */
  readonly mark: string;
  /** Only those that hold a pipe of ours. */
  readonly holdersOnly: boolean;
}

/** The client's end of a connection, as the runtime tells it. */
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

/** From main to the service. */
export type ToService =
  /** `busy` is memory in which the service marks the request that it is busy with (`busy.ts`). */
  | { readonly type: "start"; readonly start: ServiceStart; readonly busy: SharedArrayBuffer }
  | { readonly type: "probe"; readonly start: ServiceStart }
  /** Admit nothing new, finish what there is, then say `drained`. */
  | { readonly type: "drain" }
  /** End what is left, with an answer for every client; say `cut`, and `drained` when that is done. */
  | { readonly type: "cut" }
  /** Nothing is left of a tree, or it was given up. */
  | { readonly type: "tree_ended"; readonly id: number }
  | { readonly type: "measured"; readonly figures: ProcessFigures }
  /** For each client that was asked about, in that order. */
  | { readonly type: "clients_gone"; readonly gone: readonly boolean[] }
  /** The server's folder was looked at; `problem` says why it could not be put right. */
  | { readonly type: "mended"; readonly problem?: string }
  | { readonly type: "ping" };

/** From the service to main. */
export type ToMain =
  | { readonly type: "listening"; readonly url: string }
  /** The service could not start; `reason` is a sentence for the user. */
  | { readonly type: "failed"; readonly reason: string }
  | { readonly type: "probed"; readonly probes: readonly Probe[] }
  | { readonly type: "end_tree"; readonly tree: TreeRequest }
  /** A bug was met outside any request; the service still works, but should be stopped. Said once. */
  | { readonly type: "faulty" }
  | { readonly type: "cut"; readonly running: number; readonly waiting: number }
  /** `answersGivenUp`: clients that were there, and did not get to the end of their answers. */
  | { readonly type: "drained"; readonly answersGivenUp: number }
  /** Measure the process: a scrape wants its figures. Asked once at a time. */
  | { readonly type: "measure" }
  /** Which of these have gone? Asked once at a time. */
  | { readonly type: "find_gone"; readonly clients: readonly ClientAddress[] }
  /** Look at the server's folder: something in it is not as it should be. Asked once at a time. */
  | { readonly type: "mend" }
  | { readonly type: "pong" };

/** One attempt to do a thing inside the service isolate. */
export interface Probe {
  /** What was tried. */
  readonly attempt: string;
  /** Whether the permissions let it pass. */
  readonly allowed: boolean;
  /** Whether a sandboxed service must be able to do it. */
  readonly expected: boolean;
}
